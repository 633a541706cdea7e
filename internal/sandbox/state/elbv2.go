package state

// ELB is what an account has of Elastic Load Balancing in one region.
type ELB struct{}

func (*ELB) normalize() {}
