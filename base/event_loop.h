#pragma once
// The loop of a daemon: one thread, timers, signals, work posted from other threads. Wraps boost::asio::io_context so
// that only edges that do I/O themselves include Asio (they use context()).

#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string_view>

namespace boost::asio {
class io_context;
}

namespace base {

class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs until stop(). An exception that leaves a handler ends run() with it.
  void run();
  void stop();  // any thread

  void post(std::function<void()> work);  // any thread

  // A repeating or one-shot timer lives as long as its handle.
  class Timer;
  [[nodiscard]] std::shared_ptr<Timer> after(std::chrono::milliseconds delay, std::function<void()> work);
  [[nodiscard]] std::shared_ptr<Timer> every(std::chrono::milliseconds interval, std::function<void()> work);

  // Calls `work` with the signal's number, on the loop.
  void on_signal(std::initializer_list<int> signals, std::function<void(int)> work);

  // For a daemon's main: stops on SIGTERM and SIGINT, pets systemd's watchdog.
  void run_as_daemon(std::string_view ready_status);

  boost::asio::io_context& context();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace base
