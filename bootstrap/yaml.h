#pragma once
// base/yaml.h's names in this room.

#include "base/yaml.h"

namespace bootstrap {

using Mark = base::YamlMark;
using base::parse_yaml;
using base::YamlNode;
using base::YamlProblem;
using base::YamlResult;

}  // namespace bootstrap
