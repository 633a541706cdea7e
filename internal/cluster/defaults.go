package cluster

// sandboxMachine is the range that the sandbox gives public addresses from, this machine's own among them: nothing else
// can come from there.
const sandboxMachine = "198.18.0.0/15"

// Defaults returns a document in which everything that has a default for the provider holds it. It shows what a
// document that leaves everything out means; it lacks the fields that have no default, such as the name.
func Defaults(provider Provider) *Document {
	d := &Document{Cloud: Cloud{Provider: provider}}
	d.fillDefaults()
	return d
}

// Protected reports whether the cluster is protected from termination.
func (d *Document) Protected() bool { return d.Protect != nil && *d.Protect }

// fillDefaults gives every field that is not set its default. A list that is written but empty stays empty.
func (d *Document) fillDefaults() {
	fill(&d.Version, "v1")
	if d.Cloud.Zones.Len() == 0 {
		d.Cloud.Zones.Count = 3
	}
	fill(&d.Cloud.Image, "debian-12")
	fill(&d.Network.CIDR, "172.31.0.0/16")
	fill(&d.Network.Pods, "10.64.0.0/12")
	fill(&d.Network.Topology, "public")
	fill(&d.SSH.Key, "generated")
	fill(&d.Engine.Channel, "auto")
	fill(&d.Engine.LogDriver, "json-file")
	fillPointer(&d.Engine.Metrics, true)
	fillPointer(&d.Protect, d.Cloud.Provider != ProviderSandbox)
	if d.Cloud.Provider == ProviderSandbox {
		fill(&d.Cloud.Region, "us-east-1")
		fillList(&d.Network.Allow.SSH, sandboxMachine)
		fillList(&d.Network.Allow.HTTPS, sandboxMachine)
	}

	fill(&d.Managers.Count, 3)
	fill(&d.Managers.Type, "m5.xlarge")
	fillDisks(&d.Managers.Root, &d.Managers.Data)
	for i := range d.Workers {
		w := &d.Workers[i]
		fill(&w.Type, "m5.large")
		fillDisks(&w.Root, &w.Data)
	}
}

func fillDisks(root, data *Disk) {
	fill(&root.Size, 40)
	fill(&root.Type, "gp3")
	fill(&data.Size, 100)
	fill(&data.Type, "gp3")
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func fillPointer[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}

func fillList[T any](field *[]T, values ...T) {
	if *field == nil {
		*field = values
	}
}
