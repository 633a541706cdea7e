package graph

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
)

// Node is one piece of work.
type Node struct {
	ID    string   // unique in the graph
	Title string   // for people; default ID
	Needs []string // IDs of what must be done before
	// Waits says that it only waits for the world, and so takes no slot.
	Waits bool
	// Once says that it does its own retrying: an error is final.
	Once bool
	// Takes is how long it is known to take.
	Takes time.Duration
	// Do does the work. It is called again after an error that Policy calls temporary. What it says through note is
	// shown as what it does now; what it returns, as what it did.
	Do func(ctx context.Context, note func(string)) (string, error)
}

// plan is a checked graph: for each node its dependents and the longest expected path behind it.
type plan struct {
	nodes      map[string]*Node
	order      []string // needs before dependents
	dependents map[string][]string
	tail       map[string]time.Duration // from a node's start to the end of the longest path through it
}

// check returns the graph's plan, or an error of the kind errs.Internal that names an unknown need, a double ID or a cycle.
func check(nodes []Node) (*plan, error) {
	p := &plan{nodes: map[string]*Node{}, dependents: map[string][]string{}, tail: map[string]time.Duration{}}
	missing := map[string]int{}
	for i := range nodes {
		n := &nodes[i]
		if p.nodes[n.ID] != nil {
			return nil, errs.New(errs.Internal, "two nodes of the graph are called "+n.ID)
		}
		p.nodes[n.ID] = n
	}
	var ready []string
	for i := range nodes {
		n := &nodes[i]
		needs := slices.Compact(slices.Sorted(slices.Values(n.Needs)))
		for _, need := range needs {
			if p.nodes[need] == nil {
				return nil, errs.New(errs.Internal, n.ID+" needs "+need+", which is not in the graph")
			}
			p.dependents[need] = append(p.dependents[need], n.ID)
		}
		missing[n.ID] = len(needs)
		if len(needs) == 0 {
			ready = append(ready, n.ID)
		}
	}
	for len(ready) > 0 {
		id := ready[0]
		ready = ready[1:]
		p.order = append(p.order, id)
		for _, next := range p.dependents[id] {
			if missing[next]--; missing[next] == 0 {
				ready = append(ready, next)
			}
		}
	}
	if len(p.order) < len(nodes) {
		return nil, errs.New(errs.Internal, "the graph has a cycle through "+strings.Join(stuck(missing), ", "))
	}
	for _, id := range slices.Backward(p.order) {
		var longest time.Duration
		for _, next := range p.dependents[id] {
			longest = max(longest, p.tail[next])
		}
		p.tail[id] = longest + max(p.nodes[id].Takes, time.Second)
	}
	return p, nil
}

func stuck(missing map[string]int) []string {
	var ids []string
	for id, n := range missing {
		if n > 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// titleOf returns what people call a node.
func titleOf(n *Node) string { return cmp.Or(n.Title, n.ID) }
