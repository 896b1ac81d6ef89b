# Warnings are errors, in every build.
add_compile_options(-Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Wimplicit-fallthrough -Werror)
add_compile_options(-fstack-protector-strong -ffunction-sections -fdata-sections)
# ccache can only reuse objects that were made with a precompiled header when it sees the header's name.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
endif()
add_link_options(-Wl,--gc-sections -Wl,-z,relro,-z,now)

if(CLUSTEROS_SANITIZE)
  add_compile_options(-fsanitize=${CLUSTEROS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CLUSTEROS_SANITIZE})
  # Asio has a fence, which ThreadSanitizer does not know: GCC says so for each. Asio's locks are what orders us.
  if(CLUSTEROS_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan)
  endif()
endif()
if(CLUSTEROS_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
