// Package progress shows the events of long work: as a live tree on a terminal, as timestamped lines elsewhere, or as
// JSON lines for machines.
//
// It owns presentation only and imports the base layer. The displays are safe for concurrent use; Emit and Write
// return at once, and Close may be called once, after the last event.
package progress
