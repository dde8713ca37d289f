#include "notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace orchestrator {

std::string NotifyReady() {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr) return "";

  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length < 2 || length >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@')) {
    return std::string("NOTIFY_SOCKET has the unusable value '") + path + "'";
  }
  std::memcpy(address.sun_path, path, length);
  // '@' stands for the NUL byte that starts an abstract name (unix(7)).
  if (path[0] == '@') address.sun_path[0] = '\0';

  const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return std::strerror(errno);
  constexpr char kReady[] = "READY=1";
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  const ssize_t sent = sendto(descriptor, kReady, sizeof(kReady) - 1, MSG_NOSIGNAL,
                              reinterpret_cast<const sockaddr*>(&address), size);
  const int error = errno;
  close(descriptor);
  return sent < 0 ? std::strerror(error) : "";
}

}  // namespace orchestrator
