#ifndef SYSTEM_IMAGE_ORCHESTRATOR_BUNDLE_H_
#define SYSTEM_IMAGE_ORCHESTRATOR_BUNDLE_H_

#include <string>

namespace orchestrator {

// Says whether `directory` holds an OCI runtime bundle, that is a config.json (OCI runtime-spec, bundle.md).
bool HasBundle(const std::string& directory);

// Returns the device of the virtio disk with this serial number, such as "/dev/vdb", or "" if there is none.
// `block` is the folder /sys/block.
std::string FindDisk(const std::string& serial, const std::string& block = "/sys/block");

// Unpacks a tar, a file or a disk, into `directory`, which is made if it is missing. Returns "" or what went wrong.
std::string Unpack(const std::string& tar, const std::string& directory);

// Runs the bundle with the image's runc, or its crun, which keeps its state in the folder `state`, and waits for it.
// Returns the container's exit status, 128 plus the signal if the runtime was killed by one, or 127 if it can't be
// started, as a shell does.
int RunBundle(const std::string& directory, const std::string& state);

}  // namespace orchestrator

#endif  // SYSTEM_IMAGE_ORCHESTRATOR_BUNDLE_H_
