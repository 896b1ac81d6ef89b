#pragma once
// Volumes without a name of the user's: `-v /path`, and what the image declares (VOLUME). Each container gets volumes
// of its own for them, as with Docker: named volumes with a random name, which `rm -v` and `--rm` remove with it.

#include <string>
#include <vector>

#include "base/random.h"
#include "runtime/run_request.h"

namespace runtime {

inline constexpr std::size_t kMostImageVolumes = 100;

// A path without empty, "." and ".." components. REQUIRES: it is absolute.
std::string plain_path(const std::string& path);

// Puts the image's volumes before the request's, but for those places where the request mounts something itself, and
// gives a name to each that has none. `declared` is text from outside. Throws base::Error about the image.
void name_anonymous_volumes(RunRequest& request, const std::string& image, const std::vector<std::string>& declared,
                            base::Random& random);

}  // namespace runtime
