#ifndef SYSTEM_IMAGE_ORCHESTRATOR_NOTIFY_H_
#define SYSTEM_IMAGE_ORCHESTRATOR_NOTIFY_H_

#include <string>

namespace orchestrator {

// Sends READY=1 to the service manager, after the protocol in sd_notify(3). Without a service manager
// (NOTIFY_SOCKET is not set) it does nothing. Programs that are started later do not see the socket. Returns "" or what went wrong.
std::string NotifyReady();

}  // namespace orchestrator

#endif  // SYSTEM_IMAGE_ORCHESTRATOR_NOTIFY_H_
