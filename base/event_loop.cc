#include "base/event_loop.h"

#include <signal.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/notify.h"

namespace base {

namespace asio = boost::asio;

struct EventLoop::State {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> keep_running{context.get_executor()};
  std::vector<std::unique_ptr<asio::signal_set>> signals;
};

class EventLoop::Timer : public std::enable_shared_from_this<EventLoop::Timer> {
 public:
  Timer(asio::io_context& context, std::function<void()> work) : timer_(context), work_(std::move(work)) {}

  void start(std::chrono::milliseconds delay, bool repeat) {
    timer_.expires_after(delay);
    timer_.async_wait([weak = weak_from_this(), delay, repeat](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || !self) return;
      self->work_();
      if (repeat) self->start(delay, true);
    });
  }

 private:
  asio::steady_timer timer_;
  std::function<void()> work_;
};

EventLoop::EventLoop() : state_(std::make_unique<State>()) {}
EventLoop::~EventLoop() = default;

void EventLoop::run() {
  state_->context.restart();
  state_->context.run();
}

void EventLoop::stop() {
  state_->context.stop();
}

void EventLoop::post(std::function<void()> work) {
  asio::post(state_->context, std::move(work));
}

std::shared_ptr<EventLoop::Timer> EventLoop::after(std::chrono::milliseconds delay, std::function<void()> work) {
  auto timer = std::make_shared<Timer>(state_->context, std::move(work));
  timer->start(delay, false);
  return timer;
}

std::shared_ptr<EventLoop::Timer> EventLoop::every(std::chrono::milliseconds interval, std::function<void()> work) {
  auto timer = std::make_shared<Timer>(state_->context, std::move(work));
  timer->start(interval, true);
  return timer;
}

void EventLoop::on_signal(std::initializer_list<int> signals, std::function<void(int)> work) {
  auto set = std::make_unique<asio::signal_set>(state_->context);
  for (const int signal : signals) set->add(signal);
  // The handler asks for the next signal itself: a lambda that holds itself.
  auto wait = std::make_shared<std::function<void()>>();
  asio::signal_set* raw = set.get();
  *wait = [raw, work = std::move(work), weak = std::weak_ptr(wait)] {
    raw->async_wait([work, self = weak.lock()](const boost::system::error_code& error, int signal) {
      if (error) return;
      work(signal);
      if (self) (*self)();
    });
  };
  (*wait)();
  state_->signals.push_back(std::move(set));
}

void EventLoop::run_as_daemon(std::string_view ready_status) {
  on_signal({SIGTERM, SIGINT}, [this](int) {
    notify_stopping();
    stop();
  });
  std::shared_ptr<Timer> watchdog;
  if (const auto interval = watchdog_interval()) watchdog = every(*interval, notify_watchdog);
  post([status = std::string(ready_status)] { notify_ready(status); });
  run();
}

boost::asio::io_context& EventLoop::context() {
  return state_->context;
}

}  // namespace base
