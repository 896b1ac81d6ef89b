#include "runtime/registry.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <format>
#include <optional>

#include "base/digest.h"
#include "base/error.h"
#include "base/http_client.h"
#include "base/json.h"
#include "base/text.h"
#include "base/version.h"
#include "runtime/registry_auth.h"

namespace runtime {
namespace {

constexpr int kMaxRedirects = 5;
constexpr std::size_t kMaxTokenAnswer = 1024 * 1024;
constexpr std::size_t kMaxErrorAnswer = 64 * 1024;
constexpr std::chrono::milliseconds kIoTimeout{30000};

constexpr int kNoAnswer = 0;  // instead of a status: the network failed before one came

// The registry that "docker.io" stands for.
constexpr std::string_view kDockerHubHost = "registry-1.docker.io";

base::Url origin_of(const Reference& reference, const RegistrySettings& settings) {
  const RegistryHost host =
      parse_registry_host(reference.registry == "docker.io" ? kDockerHubHost : std::string_view(reference.registry));
  const bool plain =
      is_loopback(host.host) || std::ranges::any_of(settings.insecure, [&](const RegistryHost& named) {
        return base::lower(named.host) == base::lower(host.host) && (named.port == 0 || named.port == host.port);
      });
  base::Url url;
  url.scheme = plain ? "http" : "https";
  url.host = host.host;
  url.port = host.port ? host.port : static_cast<std::uint16_t>(plain ? 80 : 443);
  url.path = "/";
  return url;
}

base::HttpClientOptions client_options(const RegistrySettings& settings) {
  base::HttpClientOptions options;
  options.io_timeout = kIoTimeout;
  options.ca_file = settings.ca_file;
  return options;
}

// A registry's error body: {"errors": [{"code": …, "message": …}]}. Anything else says nothing.
std::string registry_words(const std::string& body) {
  try {
    const base::Json json = base::parse_json(body, "error");
    const base::Json& first = json.at("errors").at(0);
    std::string words = base::json_string(first, "code").substr(0, 100);
    const std::string message = base::json_string(first, "message").substr(0, 300);
    if (!message.empty()) words += (words.empty() ? "" : ": ") + message;
    return words.empty() ? "" : " (" + words + ")";
  } catch (const std::exception&) {
    return "";
  }
}

// "bytes 100-199/200" to 100.
std::optional<std::uint64_t> range_start(std::string_view header) {
  if (!header.starts_with("bytes ")) return std::nullopt;
  header.remove_prefix(6);
  return base::parse_unsigned(header.substr(0, header.find('-')));
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

std::vector<RegistryHost> parse_registries_file(std::string_view text, std::string_view where) {
  const base::Json json = base::parse_json(text, where);
  if (!json.is_object()) throw base::Error("registries file", where, "it is no JSON object");
  std::vector<RegistryHost> result;
  for (const auto& [key, value] : json.items()) {
    if (key != "insecure-registries") {
      throw base::Error("registries file", where,
                        std::format("unknown key '{}'; allowed is 'insecure-registries'", key));
    }
    if (!value.is_array()) throw base::Error("registries file", where, "'insecure-registries' must be a list");
    for (const base::Json& item : value) {
      if (!item.is_string())
        throw base::Error("registries file", where, "a registry must be a string, HOST or HOST:PORT");
      result.push_back(parse_registry_host(item.get<std::string>()));
    }
  }
  return result;
}

struct Registry::State {
  State(const Reference& reference_in, const RegistrySettings& settings_in)
      : reference(reference_in),
        settings(settings_in),
        origin(origin_of(reference_in, settings_in)),
        client(client_options(settings_in)) {}

  // The body is only there when nobody took it in pieces.
  struct Answer {
    base::HttpResponse head;  // status kNoAnswer when none came
    std::string broken;       // why the exchange ended early, "" when it did not
  };

  struct Sink {
    std::function<void(const base::HttpResponse&)> begin;
    std::function<void(std::string_view)> data;
  };

  base::Error failed(std::string_view what, std::string_view reason) const {
    return {what, std::format("{}/{}", reference.registry, reference.repository), reason};
  }

  // One request, no redirect. A body with status 2xx goes to `sink` when there is one, else it is kept up to `limit`.
  Answer once(const base::Url& url, base::HttpRequest request, std::size_t limit, const Sink* sink) {
    Answer answer;
    std::exception_ptr failure;
    bool taken = false;
    request.headers.set("User-Agent", std::format("clusteros/{}", base::version()));
    const auto guarded = [&](const auto& work) {
      try {
        return work();
      } catch (...) {
        failure = std::current_exception();
        return false;
      }
    };
    try {
      client.stream(
          url, request, kIoTimeout,
          [&](const base::HttpResponse& head) {
            answer.head = head;
            return guarded([&] {
              taken = sink && (head.status == 200 || head.status == 206);
              if (taken) sink->begin(head);
              return !is_redirect(head.status);
            });
          },
          [&](std::string_view data) {
            return guarded([&] {
              if (taken) {
                sink->data(data);
                return true;
              }
              const std::size_t bound = answer.head.status < 300 ? limit : kMaxErrorAnswer;
              if (answer.head.body.size() + data.size() > bound) {
                if (answer.head.status >= 300) return false;
                throw failed("fetch", std::format("an answer is larger than {}", base::format_size(bound)));
              }
              answer.head.body += data;
              return true;
            });
          });
    } catch (const base::Error& error) {
      if (cancelled) throw;
      answer.broken = error.what();
      if (!taken) answer.head.status = kNoAnswer;
    }
    if (failure) std::rethrow_exception(failure);
    return answer;
  }

  // Follows redirects; the login goes to our own registry alone.
  Answer follow(const std::string& target, base::HttpRequest request, std::size_t limit, const Sink* sink) {
    base::Url url = origin;
    request.target = target;
    for (int redirects = 0; redirects <= kMaxRedirects; ++redirects) {
      base::HttpRequest copy = request;
      if (!authorization.empty() && url.origin() == origin.origin()) copy.headers.set("Authorization", authorization);
      Answer answer = once(url, std::move(copy), limit, sink);
      if (!is_redirect(answer.head.status)) return answer;

      std::string location(answer.head.headers.get("Location"));
      if (location.starts_with("//")) {
        location = url.scheme + ":" + location;
      } else if (location.starts_with('/')) {
        location = url.origin() + location;
      }
      const base::Url next = base::parse_url(location);
      if (next.scheme != "https" && !(next.scheme == "http" && url.scheme == "http")) {
        throw failed("fetch", std::format("the registry redirects to {}, which is not https", next.scheme));
      }
      url = next;
      request.target = next.path.substr(0, next.path.find('#'));
    }
    throw failed("fetch", std::format("more than {} redirects", kMaxRedirects));
  }

  std::optional<Credentials> credentials() const {
    if (settings.auth_file.empty()) return std::nullopt;
    return find_credentials(settings.auth_file, reference.registry, reference.repository, settings.auth_file_name);
  }

  std::string token(const Challenge& challenge) {
    const auto parameter = [&](const std::string& name) {
      const auto found = challenge.parameters.find(name);
      return found == challenge.parameters.end() ? std::string() : found->second;
    };
    base::Url realm = base::parse_url(parameter("realm"));
    if (realm.scheme != "https" && !(realm.scheme == "http" && origin.scheme == "http")) {
      throw failed("log in for", "the registry sends logins to a server without https");
    }
    // Only what we need is asked for, whatever the registry proposes.
    std::string target = realm.path + (realm.path.find('?') == std::string::npos ? "?" : "&");
    target += "scope=" + base::percent_encode(std::format("repository:{}:pull", reference.repository), "-._~");
    if (const std::string service = parameter("service"); !service.empty()) {
      target += "&service=" + base::percent_encode(service, "-._~");
    }
    base::HttpRequest request;
    request.target = target;
    if (const auto login = credentials()) request.headers.set("Authorization", basic_authorization(*login));
    const Answer answer = once(realm, std::move(request), kMaxTokenAnswer, nullptr);
    if (answer.head.status == kNoAnswer) throw failed("log in for", answer.broken);
    if (answer.head.status != 200) {
      throw failed("log in for", std::format("{} answers {} {}", realm.origin(), answer.head.status,
                                             base::http_reason(answer.head.status)));
    }
    return parse_token(answer.head.body, realm.origin());
  }

  // False when the registry asks for nothing that we have.
  bool log_in(const base::HttpResponse& refusal) {
    for (const auto& [name, value] : refusal.headers.all()) {
      if (base::lower(name) != "www-authenticate") continue;
      for (const Challenge& challenge : parse_challenges(value)) {
        if (challenge.scheme == "bearer") {
          authorization = "Bearer " + token(challenge);
          return true;
        }
        if (challenge.scheme == "basic") {
          const auto login = credentials();
          if (!login) continue;
          authorization = basic_authorization(*login);
          return true;
        }
      }
    }
    return false;
  }

  Answer get(const std::string& target, const base::HttpRequest& request, std::size_t limit, const Sink* sink) {
    Answer answer = follow(target, request, limit, sink);
    if (answer.head.status != 401) return answer;
    // A token may have run out on the way, so a second refusal is the one that counts.
    if (!log_in(answer.head)) {
      throw failed("fetch", "the registry asks for a login; give one with --authfile");
    }
    return follow(target, request, limit, sink);
  }

  [[noreturn]] void refuse(const Answer& answer, const std::string& what) const {
    const base::HttpResponse& head = answer.head;
    if (head.status == kNoAnswer) throw failed("fetch", answer.broken);
    const std::string words = registry_words(head.body);
    if (head.status == 401 || head.status == 403) {
      throw failed("fetch", std::format("the registry refuses access to {}{}; is there a login for it in --authfile?",
                                        what, words));
    }
    throw failed("fetch", std::format("the registry answers {} {} for {}{}", head.status,
                                      base::http_reason(head.status), what, words));
  }

  const Reference reference;
  const RegistrySettings settings;
  const base::Url origin;
  base::HttpClient client;
  std::string authorization;  // "" until the registry asked
  std::atomic<bool> cancelled = false;
};

Registry::Registry(const Reference& reference, const RegistrySettings& settings)
    : state_(std::make_unique<State>(reference, settings)) {}

Registry::~Registry() = default;

void Registry::cancel() {
  state_->cancelled = true;
  state_->client.cancel();
}

ServedManifest Registry::manifest(const std::string& selector) {
  base::HttpRequest request;
  request.headers.set("Accept", kManifestMediaTypes);
  const auto answer = state_->get(std::format("/v2/{}/manifests/{}", state_->reference.repository, selector), request,
                                  kMaxManifestBytes, nullptr);
  if (answer.head.status != 200) state_->refuse(answer, selector);
  ServedManifest result{.body = answer.head.body,
                        .content_type = std::string(answer.head.headers.get("Content-Type")),
                        .digest = "sha256:" + base::sha256_hex(answer.head.body)};
  const std::string_view claimed = answer.head.headers.get("Docker-Content-Digest");
  const bool differs = claimed.starts_with("sha256:") && claimed != result.digest;
  if (differs || (is_digest(selector) && selector != result.digest)) {
    throw state_->failed("fetch", std::format("the manifest {} does not match its digest: it is damaged or forged ({})",
                                              selector, result.digest));
  }
  return result;
}

std::string Registry::blob(const Descriptor& descriptor) {
  const auto answer = state_->get(std::format("/v2/{}/blobs/{}", state_->reference.repository, descriptor.digest), {},
                                  kMaxManifestBytes, nullptr);
  if (answer.head.status != 200) state_->refuse(answer, descriptor.digest);
  if (answer.head.body.size() != descriptor.size ||
      "sha256:" + base::sha256_hex(answer.head.body) != descriptor.digest) {
    throw state_->failed(
        "fetch", std::format("the blob {} does not match its digest: it is damaged or forged", descriptor.digest));
  }
  return answer.head.body;
}

std::string Registry::stream_blob(const Descriptor& descriptor, std::uint64_t offset,
                                  const std::function<void(std::uint64_t)>& begin,
                                  const std::function<void(std::string_view)>& data) {
  base::HttpRequest request;
  if (offset > 0) request.headers.set("Range", std::format("bytes={}-", offset));
  const State::Sink sink{.begin =
                             [&](const base::HttpResponse& head) {
                               if (head.status == 200) return begin(0);
                               const auto start = range_start(head.headers.get("Content-Range"));
                               if (!start || *start != offset) {
                                 throw state_->failed("fetch",
                                                      "the registry answers another range than it was asked for");
                               }
                               begin(offset);
                             },
                         .data = data};
  const auto answer = state_->get(std::format("/v2/{}/blobs/{}", state_->reference.repository, descriptor.digest),
                                  request, kMaxErrorAnswer, &sink);
  const int status = answer.head.status;
  if (status == kNoAnswer || status == 200 || status == 206) return answer.broken;
  if (status == 429 || status >= 500) {
    return std::format("the registry answers {} {}", status, base::http_reason(status));
  }
  state_->refuse(answer, descriptor.digest);
}

}  // namespace runtime
