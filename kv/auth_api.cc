#include "kv/auth_api.h"

#include <algorithm>
#include <format>

#include "base/text.h"
#include "kv/go_text.h"
#include "kv/http_plain.h"

namespace kv {

namespace {

std::string list_json(const std::vector<std::string>& items) {
  return items.empty() ? "null" : "[" + base::join(items, ",") + "]";
}

// {"user":…,"roles":[…]} with the roles in full; without roles there is no such member.
std::string user_with_roles(const std::string& name, const std::vector<std::string>& roles) {
  std::string out = "{\"user\":" + json_quoted(name);
  if (!roles.empty()) out += ",\"roles\":" + list_json(roles);
  return out + "}";
}

}  // namespace

base::HttpResponse AuthApi::with_id(base::HttpResponse response) const {
  response.headers.set("X-Etcd-Cluster-Id", cluster_id_);
  return response;
}

base::HttpResponse AuthApi::ok(std::string json, int status) const {
  base::HttpResponse response = json_response(std::move(json));
  response.status = status;
  if (!response.body.empty()) response.body += '\n';
  return with_id(std::move(response));
}

base::HttpResponse AuthApi::failed(const AuthFailure& failure) const {
  if (auto* error = std::get_if<AuthError>(&failure))
    return with_id(message_error(error->status, "auth: " + error->text));
  return with_id(message_error(500, "Internal Server Error"));
}

void AuthApi::handle(const base::HttpRequest& request, const std::string& path, const ReplyPtr& reply) {
  constexpr std::string_view kPrefix = "/v2/auth/";
  auto allowed = [&](std::string_view methods) { return allow_methods(request, methods, *reply); };
  std::string_view rest = std::string_view(path).substr(std::min(path.size(), kPrefix.size()));
  if (rest == "enable") {
    if (allowed("GET,PUT,DELETE")) switch_auth(request, reply);
    return;
  }
  bool users = rest == "users" || rest.starts_with("users/");
  if (!users && rest != "roles" && !rest.starts_with("roles/")) {
    return reply->send(plain_error(404, "404 page not found"));
  }
  rest.remove_prefix(std::string_view("users").size());
  if (rest.starts_with('/')) rest.remove_prefix(1);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.contains('/')) return reply->send(message_error(400, "Invalid path"));
  if (rest.empty()) {
    if (!allowed("GET")) return;
    as_root(request, reply, [this, users, reply] { users ? list_users(*reply) : list_roles(*reply); });
  } else if (allowed("GET,PUT,DELETE")) {
    as_root(request, reply, [this, request, name = std::string(rest), users, reply] {
      users ? user(request, name, reply) : role(request, name, reply);
    });
  }
}

void AuthApi::as_root(const base::HttpRequest& request, const ReplyPtr& reply, std::function<void()> go_on) {
  access_.check_root(credentials_of(request), [reply, go_on = std::move(go_on)](Access access) {
    if (access == Access::kGranted) return go_on();
    reply->send(no_access(access));
  });
}

void AuthApi::switch_auth(const base::HttpRequest& request, const ReplyPtr& reply) {
  if (request.method == "GET") return reply->send(ok(std::format("{{\"enabled\":{}}}", access_.enabled())));
  as_root(request, reply, [this, on = request.method == "PUT", reply] {
    on ? store_.enable(answer_empty(reply)) : store_.disable(answer_empty(reply));
  });
}

AuthStore::Done AuthApi::answer_empty(const ReplyPtr& reply) {
  return [this, reply](const std::optional<AuthFailure>& failure) { reply->send(failure ? failed(*failure) : ok("")); };
}

void AuthApi::list_users(base::HttpReply& reply) {
  std::vector<std::string> users;
  for (const std::string& name : access_.state().user_names()) {
    const Stored<User>* user = access_.state().user(name);
    if (user == nullptr) continue;
    std::vector<std::string> roles;
    for (const std::string& role_name : user->thing.roles.value_or(std::vector<std::string>())) {
      if (const Stored<Role>* role = access_.state().role(role_name)) roles.push_back(role_json(role->thing));
    }
    users.push_back(user_with_roles(user->thing.name, roles));
  }
  reply.send(ok("{\"users\":" + list_json(users) + "}"));
}

void AuthApi::list_roles(base::HttpReply& reply) {
  std::vector<std::string> roles;
  for (const std::string& name : access_.state().role_names()) {
    if (const Stored<Role>* role = access_.state().role(name)) roles.push_back(role_json(role->thing));
  }
  reply.send(ok("{\"roles\":" + list_json(roles) + "}"));
}

// Unlike the list, this fails for a role that is gone.
void AuthApi::show_user(const std::string& name, base::HttpReply& reply) {
  const Stored<User>* user = access_.state().user(name);
  if (user == nullptr) return reply.send(failed(AuthError{404, std::format("User {} does not exist.", name)}));
  std::vector<std::string> roles;
  for (const std::string& role_name : user->thing.roles.value_or(std::vector<std::string>())) {
    const Stored<Role>* role = access_.state().role(role_name);
    if (role == nullptr) return reply.send(failed(AuthError{404, std::format("Role {} does not exist.", role_name)}));
    roles.push_back(role_json(role->thing));
  }
  reply.send(ok(user_with_roles(user->thing.name, roles)));
}

void AuthApi::user(const base::HttpRequest& request, const std::string& name, const ReplyPtr& reply) {
  if (request.method == "GET") return show_user(name, *reply);
  if (request.method == "PUT") return put_user(request.body, name, reply);
  store_.delete_user(name, answer_empty(reply));
}

void AuthApi::role(const base::HttpRequest& request, const std::string& name, const ReplyPtr& reply) {
  if (request.method == "PUT") return put_role(request.body, name, reply);
  if (request.method == "DELETE") return store_.delete_role(name, answer_empty(reply));
  const Stored<Role>* role = access_.state().role(name);
  reply->send(role == nullptr ? failed(AuthError{404, std::format("Role {} does not exist.", name)})
                              : ok(role_json(role->thing)));
}

void AuthApi::put_user(const std::string& body, const std::string& name, const ReplyPtr& reply) {
  std::optional<User> user = parse_user(body);
  if (!user) return reply->send(with_id(message_error(400, "Invalid JSON in request body.")));
  if (user->name != name) {
    return reply->send(with_id(message_error(400, "User JSON name does not match the name in the URL")));
  }
  bool has_roles = user->roles && !user->roles->empty();
  // etcd's status of a user that is made with roles is 200.
  auto done = [this, has_roles, reply](const AuthResult<User>& result) {
    if (result.failure) return reply->send(failed(*result.failure));
    User shown = result.thing;
    shown.password.clear();
    reply->send(ok(user_json(shown), result.created && !has_roles ? 201 : 200));
  };
  if (user->changes_roles()) {
    if (has_roles) {
      return reply->send(with_id(message_error(400, "User JSON contains both roles and grant/revoke")));
    }
    return store_.update_user(*user, done);
  }
  has_roles ? store_.create_user(*user, done) : store_.create_or_update_user(*user, done);
}

void AuthApi::put_role(const std::string& body, const std::string& name, const ReplyPtr& reply) {
  std::optional<Role> role = parse_role(body);
  if (!role) return reply->send(with_id(message_error(400, "Invalid JSON in request body.")));
  if (role->name != name) {
    return reply->send(with_id(message_error(400, "Role JSON name does not match the name in the URL")));
  }
  auto done = [this, reply](const AuthResult<Role>& result) {
    if (result.failure) return reply->send(failed(*result.failure));
    reply->send(ok(role_json(result.thing), result.created ? 201 : 200));
  };
  if (!role->changes_permissions()) return store_.create_role(*role, done);
  if (!role->permissions.empty()) {
    return reply->send(with_id(message_error(400, "Role JSON contains both permissions and grant/revoke")));
  }
  store_.update_role(*role, done);
}

}  // namespace kv
