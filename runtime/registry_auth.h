#pragma once
// How a registry asks for a login and what the user's auth file answers. Pure; secrets are never part of an error.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace runtime {

// One challenge of a WWW-Authenticate header (RFC 9110, 11.6.1).
struct Challenge {
  std::string scheme;                             // lower case: "bearer", "basic"
  std::map<std::string, std::string> parameters;  // names in lower case: realm, service, scope
};

// All challenges that can be read; what is malformed ends the list. At most 16, each with at most 32 parameters.
std::vector<Challenge> parse_challenges(std::string_view header);

struct Credentials {
  std::string user;
  std::string password;
};

// The login for a repository out of a file in Docker's config.json form (containers-auth.json(5)): the longest key that
// fits wins ("example.com/team/app", "example.com/team", "example.com"). Throws Error on a damaged file.
std::optional<Credentials> find_credentials(std::string_view auth_file, std::string_view registry,
                                            std::string_view repository, std::string_view where);

// "Basic <base64>".
std::string basic_authorization(const Credentials& credentials);

// The token out of a token server's answer (`token`, or OAuth2's `access_token`). Throws Error when there is none.
std::string parse_token(std::string_view body, std::string_view where);

}  // namespace runtime
