#ifndef SYSTEM_IMAGE_STAGE1_GUEST_H_
#define SYSTEM_IMAGE_STAGE1_GUEST_H_

#include <exception>
#include <string>

#include "refusal.h"

// What the first process of a guest does, whatever its system is on. The system comes to be in /system.

namespace stage1 {

// One line that leaves a console as it is, whatever is in `text`.
std::string Printable(const std::string& text);

// Says a line, after "stage1: ".
void Say(const std::string& line);

// Throws Refusal: what failed, and errno's reason.
[[noreturn]] void Fail(const std::string& what);

// Makes the folder, and mounts there. Throws Refusal.
void Mount(const char* what, const std::string& where, const char* type, unsigned long flags,
           const char* options = nullptr);

// The first line of a file; "" if there is none.
std::string ReadLine(const std::string& path);

// Mounts /system/run, with what this archive has in /run, and with /run/system-image: the file `name` with the value by
// which the system was measured, and `tee`, the kind of the TEE. Throws Refusal.
void MakeRun(const std::string& name, const std::string& value);

// Makes /system the root, gives the memory of this archive back, and starts the system. Throws Refusal if it can't.
// Nothing may be mounted but what is in /system.
[[noreturn]] void SwitchRoot();

// Runs `start` as the first process, on the console. What it throws is said, and the machine goes off.
[[noreturn]] void RunGuest(void (*start)());

// Runs `work`; returns why it was refused, "" if it was not.
template <typename Work>
std::string Refused(Work work) {
  try {
    work();
    return "";
  } catch (const Refusal& refusal) {
    return refusal.why;
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace stage1

#endif  // SYSTEM_IMAGE_STAGE1_GUEST_H_
