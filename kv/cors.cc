#include "kv/cors.h"

#include <algorithm>

namespace kv {

namespace {

class CorsReply : public base::HttpReply {
 public:
  CorsReply(std::shared_ptr<base::HttpReply> reply, std::string origin)
      : reply_(std::move(reply)), origin_(std::move(origin)) {}

  void send(base::HttpResponse response) override {
    add_headers(response);
    reply_->send(std::move(response));
  }
  void start(base::HttpResponse head) override {
    add_headers(head);
    reply_->start(std::move(head));
  }
  void write(std::string data) override { reply_->write(std::move(data)); }
  void finish() override { reply_->finish(); }
  std::size_t pending_bytes() const override { return reply_->pending_bytes(); }
  void on_drained(std::function<void()> callback) override { reply_->on_drained(std::move(callback)); }
  void on_close(std::function<void()> callback) override { reply_->on_close(std::move(callback)); }

 private:
  void add_headers(base::HttpResponse& response) const {
    response.headers.add("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE");
    response.headers.add("Access-Control-Allow-Origin", origin_);
    response.headers.add("Access-Control-Allow-Headers", "accept, content-type, authorization");
  }

  std::shared_ptr<base::HttpReply> reply_;
  std::string origin_;
};

}  // namespace

Cors::Cors(std::vector<std::string> origins)
    : origins_(std::move(origins)), all_(origins_.empty() || std::ranges::contains(origins_, "*")) {}

std::shared_ptr<base::HttpReply> Cors::wrap(const base::HttpRequest& request,
                                            const std::shared_ptr<base::HttpReply>& reply) const {
  if (all_) return std::make_shared<CorsReply>(reply, "*");
  std::string origin(request.headers.get("Origin"));
  if (!std::ranges::contains(origins_, origin)) return reply;
  return std::make_shared<CorsReply>(reply, std::move(origin));
}

}  // namespace kv
