package rollout

// Report is what an Apply did.
type Report struct {
	Changes []Change `json:"changes"` // in the order of the phases; empty when everything was as it should be
	Notices []string `json:"notices"` // what the operator should know of
	Engine  string   `json:"engine"`  // the engine's package and version on the cluster's nodes
}

// Change is one thing that was changed on a node.
type Change struct {
	Node  string `json:"node"`
	Phase string `json:"phase"` // host, disk, engine or swarm
	What  string `json:"what"`
}

// Empty reports whether nothing was changed.
func (r *Report) Empty() bool { return len(r.Changes) == 0 }
