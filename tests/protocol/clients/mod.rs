//! The clients in the field, each with its own requests, timers and oddities.

mod edk2;
mod grub;
mod ipxe;
mod others;
mod pxelinux;
mod uboot;
