#pragma once
// /v2/auth: users, roles, on and off (etcd's v2http/client_auth.go).

#include <memory>
#include <string>

#include "base/http_server.h"
#include "kv/auth_store.h"

namespace kv {

class AuthApi {
 public:
  // All must outlive it and the server. `cluster_id`: as in the X-Etcd-Cluster-Id header.
  AuthApi(Replica& replica, AccessControl& access, std::string cluster_id)
      : access_(access), store_(replica, access), cluster_id_(std::move(cluster_id)) {}

  // `path`: decoded and clean, begins with "/v2/auth".
  void handle(const base::HttpRequest& request, const std::string& path, const std::shared_ptr<base::HttpReply>& reply);

 private:
  using ReplyPtr = std::shared_ptr<base::HttpReply>;

  // Goes on once the sender is known to be root.
  void as_root(const base::HttpRequest& request, const ReplyPtr& reply, std::function<void()> go_on);
  void switch_auth(const base::HttpRequest& request, const ReplyPtr& reply);
  void list_users(base::HttpReply& reply);
  void list_roles(base::HttpReply& reply);
  void user(const base::HttpRequest& request, const std::string& name, const ReplyPtr& reply);
  void role(const base::HttpRequest& request, const std::string& name, const ReplyPtr& reply);
  void show_user(const std::string& name, base::HttpReply& reply);
  void put_user(const std::string& body, const std::string& name, const ReplyPtr& reply);
  void put_role(const std::string& body, const std::string& name, const ReplyPtr& reply);
  AuthStore::Done answer_empty(const ReplyPtr& reply);

  base::HttpResponse with_id(base::HttpResponse response) const;
  base::HttpResponse failed(const AuthFailure& failure) const;
  base::HttpResponse ok(std::string json, int status = 200) const;

  AccessControl& access_;
  AuthStore store_;
  std::string cluster_id_;
};

}  // namespace kv
