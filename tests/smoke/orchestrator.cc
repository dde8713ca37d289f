// An orchestrator of one's own. The image's unit is of Type=notify: it has to say when it is ready
// (sd_notify(3)), and the machine goes off when it ends.

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

void NotifyReady() {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address = {};
  if (path == nullptr || std::strlen(path) >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path);
  if (path[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  sendto(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "READY=1", 7, 0,
         reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace

int main() {
  NotifyReady();
  std::puts("hello from the guest");
  return 0;
}
