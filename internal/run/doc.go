// Package run starts and stops what a process does side by side: a Group runs named tasks, knows which are ready and
// healthy, restarts those that may fail, and stops them in reverse order within a hard deadline. Wait and Backoff are
// the waiting that every loop needs.
//
// It imports the standard library and errs only. A Group starts one goroutine a task and leaves none behind, save tasks
// that do not stop within the deadline, which it names.
package run
