package machine

// ReasonPoweredOff is the Reason of a host that switched itself off: its init ended by reboot(2)'s power-off or halt. A
// host that died in any other way has another reason.
const ReasonPoweredOff = "powered off"
