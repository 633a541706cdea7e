// Package reconcile makes the machine be what the account says, and the account say what became of it: it pushes the
// desired network, volumes and hosts to machine.Machine, moves what is in transition on when its time has come, and
// writes down what the machine tells of hosts and targets.
//
// It is level-triggered. Each pass reads the desired state from the store and the actual one from the machine, and does
// what lies between them; changes of the store and the end of an action only make the next pass come at once. Nothing is
// remembered that a pass could not find out again, so a new daemon on an old account and a running machine simply goes
// on. It must not import the services. A Reconciler runs once.
package reconcile
