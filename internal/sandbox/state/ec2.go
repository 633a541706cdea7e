package state

// EC2 is what an account has of EC2 in one region.
type EC2 struct{}

func (*EC2) normalize() {}
