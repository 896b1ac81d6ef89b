#include "kv/members_api.h"

#include <algorithm>
#include <format>

#include "base/log.h"
#include "base/text.h"
#include "kv/go_json.h"
#include "kv/http_plain.h"
#include "kv/peer_urls.h"

namespace kv {

namespace {

std::string_view go_kind(const base::Json& json) {
  if (json.is_string()) return "string";
  if (json.is_boolean()) return "bool";
  if (json.is_number()) return "number";
  return json.is_array() ? "array" : "object";
}

// json.Unmarshal's words for a member of the wrong type.
std::string wrong_type(const base::Json& json, std::string_view wanted) {
  return std::format("json: cannot unmarshal {} into Go struct field .peerURLs of type {}", go_kind(json), wanted);
}

// "" or what is wrong.
std::string read_list(const base::Json& body, std::vector<std::string>& out) {
  if (body.is_null()) return "";
  if (!body.is_object()) {
    return std::format(
        R"(json: cannot unmarshal {} into Go value of type struct {{ PeerURLs []string "json:\"peerURLs\"" }})",
        go_kind(body));
  }
  for (const auto& [name, value] : body.items()) {
    if (!is_field(name, "peerURLs")) continue;
    out.clear();
    if (value.is_null()) continue;
    if (!value.is_array()) return wrong_type(value, "[]string");
    for (const base::Json& item : value) {
      if (!read_string(item, out.emplace_back())) return wrong_type(item, "string");
    }
  }
  return "";
}

// The answer to a change that was refused. PUT has no answer of its own for a removed member: etcd says 500.
base::HttpResponse refusal(const StoreError& error, Operation operation, std::uint64_t id) {
  switch (error.code) {
    case ErrorCode::kMemberExists:
    case ErrorCode::kPeerUrlExists:
      return message_error(409, error_message(error.code));
    case ErrorCode::kMemberUnknown:
      return message_error(404, "No such member: " + id_text(id));
    case ErrorCode::kMemberRemoved:
      if (operation != Operation::kRemoveMember) break;
      return message_error(410, "Member permanently removed: " + id_text(id));
    default:
      break;
  }
  return message_error(500, "Internal Server Error");
}

}  // namespace

std::variant<std::vector<std::string>, base::HttpResponse> read_peer_urls(const base::HttpRequest& request) {
  std::string type(request.headers.get("Content-Type"));
  if (std::size_t end = type.find(';'); end != std::string::npos) {
    type = base::lower(base::trim(std::string_view(type).substr(0, end)));
  }
  if (type != "application/json") {
    return message_error(415, std::format("Bad Content-Type {}, accept application/json", type));
  }
  if (std::string error = json_syntax_error(request.body); !error.empty()) return message_error(400, error);
  std::optional<base::Json> body = decode_first_json(request.body);
  if (!body) return message_error(400, "exceeded max depth");
  std::vector<std::string> texts;
  if (std::string error = read_list(*body, texts); !error.empty()) return message_error(400, error);
  auto urls = parse_peer_urls(texts);
  if (auto* error = std::get_if<UrlError>(&urls)) return message_error(400, error->text);
  return std::get<std::vector<std::string>>(urls);
}

base::HttpResponse MembersApi::with_id(base::HttpResponse response) const {
  response.headers.set("X-Etcd-Cluster-Id", cluster_id_);
  return response;
}

void MembersApi::handle(const base::HttpRequest& request, const std::string& path, const ReplyPtr& reply) {
  if (!allow_methods(request, "GET,POST,DELETE,PUT", *reply)) return;
  std::string rest = path.substr(std::string_view("/v2/members").size());
  if (rest.starts_with('/')) rest.erase(0, 1);
  if (request.method == "GET") return show(rest, *reply);
  access_.check_root(credentials_of(request), [this, request, rest, reply](Access access) {
    if (access != Access::kGranted) return reply->send(no_access(access));
    request.method == "POST" ? add(request, reply) : change(request, rest, reply);
  });
}

void MembersApi::show(const std::string& what, base::HttpReply& reply) const {
  std::vector<Member> all = members_of(replica_.store());
  if (what.empty()) {
    std::vector<std::string> texts;
    for (const Member& member : all) texts.push_back(member_json(member));
    return reply.send(with_id(json_response("{\"members\":[" + base::join(texts, ",") + "]}\n")));
  }
  if (what != "leader") return reply.send(with_id(message_error(404, "Not found")));
  auto leader = std::ranges::find(all, replica_.engine_status().leader_id, &Member::id);
  reply.send(with_id(leader == all.end() ? message_error(503, "During election")
                                         : json_response(member_json(*leader) + "\n")));
}

// etcd makes the id of a member that joins later from its URLs and the time in seconds.
void MembersApi::add(const base::HttpRequest& request, const ReplyPtr& reply) {
  auto urls = read_peer_urls(request);
  if (auto* wrong = std::get_if<base::HttpResponse>(&urls)) return reply->send(with_id(*wrong));
  std::int64_t now = wall_nanoseconds(replica_.clock());
  Member member{.peer_urls = std::get<std::vector<std::string>>(urls)};
  member.id = member_id(member.peer_urls, std::to_string(now / 1'000'000'000));
  replica_.write(add_member_command(member, strict_, now), [this, member, reply](const Result& result) {
    if (auto* error = std::get_if<StoreError>(&result)) {
      return reply->send(with_id(refusal(*error, Operation::kAddMember, member.id)));
    }
    base::HttpResponse response = json_response(member_json(member) + "\n");
    response.status = 201;
    reply->send(with_id(std::move(response)));
  });
}

void MembersApi::change(const base::HttpRequest& request, const std::string& id_text, const ReplyPtr& reply) {
  if (id_text.empty()) return reply->send(with_id(plain_error(405, "Method Not Allowed")));
  std::optional<std::uint64_t> id = parse_id(id_text);
  if (!id) return reply->send(with_id(message_error(404, "No such member: " + id_text)));
  std::int64_t now = wall_nanoseconds(replica_.clock());
  if (request.method == "DELETE" && strict_ && would_cost_the_quorum(*id)) {
    return reply->send(with_id(message_error(500, "Internal Server Error")));
  }
  if (request.method == "DELETE") return propose(remove_member_command(*id, strict_, now), *id, reply);
  auto urls = read_peer_urls(request);
  if (auto* wrong = std::get_if<base::HttpResponse>(&urls)) return reply->send(with_id(*wrong));
  Member member{.id = *id, .peer_urls = std::get<std::vector<std::string>>(urls)};
  propose(update_member_command(member, now), *id, reply);
}

// etcd's mayRemoveMember, without its wait of 5 s: who is not heard may go at once; who is, only when a quorum of those
// that stay is heard as well.
bool MembersApi::would_cost_the_quorum(std::uint64_t id) const {
  const std::vector<Member> members = members_of(replica_.store());
  const std::uint64_t self = replica_.engine_status().member_id;
  auto heard = [&](const Member& member) { return member.id == self || connected_(member.id); };
  const auto leaving = std::ranges::find(members, id, &Member::id);
  if (leaving == members.end() || !heard(*leaving)) return false;
  const auto staying = static_cast<std::size_t>(std::ranges::count_if(members, heard)) - 1;
  const bool costs = staying < 1 + (members.size() - 1) / 2;
  if (costs) {
    base::log_warning("member {} is not removed: unhealthy cluster, {} of {} members would be there", id_text(id),
                      staying, members.size() - 1);
  }
  return costs;
}

void MembersApi::propose(const Command& command, std::uint64_t id, const ReplyPtr& reply) {
  replica_.write(command, [this, operation = command.operation, id, reply](const Result& result) {
    if (auto* error = std::get_if<StoreError>(&result)) {
      return reply->send(with_id(refusal(*error, operation, id)));
    }
    base::HttpResponse response;
    response.status = 204;
    reply->send(with_id(std::move(response)));
  });
}

}  // namespace kv
