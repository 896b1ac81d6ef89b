# The libraries, all from Debian, all static (docs/dependencies.md says what each is for). Only the rooms that name
# one here can include it. Order matters for the private libraries of libarchive and libsystemd, so they are listed
# whole instead of being asked from pkg-config.
find_package(Threads REQUIRED)

function(add_static_library name)
  add_library(${name} INTERFACE)
  target_link_libraries(${name} INTERFACE ${ARGN})
endfunction()

add_static_library(openssl ssl crypto zstd z)
add_static_library(systemd -l:libsystemd.a cap)
add_static_library(cares -l:libcares.a)
add_static_library(sqlite -l:libsqlite3.a m)
add_static_library(archive -l:libarchive.a nettle acl -l:libxml2.a lzma zstd lz4 bz2 z crypto m)
add_static_library(seccomp -l:libseccomp.a)
add_static_library(nftables -l:libnftnl.a -l:libmnl.a)
add_static_library(raft -l:libraft.a)
add_static_library(yaml -l:libyaml.a)
add_static_library(crypt -l:libcrypt.a)
add_static_library(blkid -l:libblkid.a)
