package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// Image is a public machine image.
type Image struct {
	ID          string // ami-..., another one in each region, as on AWS
	Name        string // debian-12-amd64-20260901-2200
	Description string
	Owner       string // account id
	OwnerAlias  string // "amazon" or empty
	RootDevice  string // /dev/xvda
	RootGiB     int    // least size of the root volume
	Snapshot    string // of the root volume
	Created     string // ISO 8601
	Base        string // name of the bootstrapped root file system (package image)
	Parameter   string // public SSM parameter that holds the id of the newest
}

// RootVolumeType is the type of an image's root volume unless the launch says otherwise.
const RootVolumeType = "gp3"

// published is the one table of images, without what differs from region to region.
var published = []Image{ //nolint:gochecknoglobals // a constant table
	{
		Name: "debian-12-amd64-20260901-2200", Description: "Debian 12 (20260901-2200)", Owner: "136693071363", RootDevice: "/dev/xvda", RootGiB: 8,
		Created: "2026-09-01T22:05:12.000Z", Base: "debian-12", Parameter: "/aws/service/debian/release/12/latest/amd64",
	},
	{
		Name: "debian-12-amd64-20260714-2180", Description: "Debian 12 (20260714-2180)", Owner: "136693071363", RootDevice: "/dev/xvda", RootGiB: 8,
		Created: "2026-07-14T22:05:40.000Z", Base: "debian-12",
	},
}

// Images returns the public images of a region, newest first.
func Images(region string) []Image {
	all := slices.Clone(published)
	for i := range all {
		sum := sha256.Sum256([]byte(region + "/" + all[i].Name))
		digest := hex.EncodeToString(sum[:])
		all[i].ID = "ami-" + digest[:17]
		all[i].Snapshot = "snap-" + digest[17:34]
	}
	return all
}

// FindImage returns the image of that id in the region; false if there is none.
func FindImage(region, id string) (Image, bool) {
	all := Images(region)
	i := slices.IndexFunc(all, func(image Image) bool { return image.ID == id })
	if i < 0 {
		return Image{}, false
	}
	return all[i], true
}

// Parameters returns the public SSM parameters of a region: the id of the newest image by the parameter's name.
func Parameters(region string) map[string]string {
	all := map[string]string{}
	for _, image := range Images(region) {
		if image.Parameter != "" {
			all[image.Parameter] = image.ID
		}
	}
	return all
}
