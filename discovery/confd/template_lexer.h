#pragma once
// Cuts a template into text and the tokens of its actions (text/template, "Text and spaces").

#include <string>
#include <string_view>
#include <vector>

namespace discovery::confd {

struct Token {
  enum class Kind {
    kText,      // between actions, trimmed
    kOpen,      // {{
    kClose,     // }}
    kWord,      // if, range, getv, true: a keyword or a function
    kField,     // .Name; `spaced` tells whether it begins an operand or continues one
    kDot,       // .
    kVariable,  // $ or $name
    kString,    // unquoted and unescaped
    kNumber,    // as written
    kSymbol,    // ( ) | , := =
    kEnd,       // of the template
  };
  Kind kind = Kind::kEnd;
  std::string text;
  unsigned line = 0;
  bool spaced = false;  // blanks stand before it
};

// Comments are gone. Throws base::Error("parse", "NAME:LINE", …).
std::vector<Token> lex_template(std::string_view text, std::string_view name);

}  // namespace discovery::confd
