package awstask

import (
	"cmp"
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-project/slipway/internal/provision/resource"
)

// KeyPairKey is the key of the SSH key that every node is born with.
const KeyPairKey resource.Key = KindKeyPair + "/main"

// KeyPair is the SSH key that nodes are born with; public is in the form of an authorized_keys line, or empty in a plan
// that is made before the key.
func (c *Cloud) KeyPair(public string) resource.Task {
	return resource.Task{
		Key: KeyPairKey, Repeatable: true, // two of one name are refused
		Fields: []resource.Field{{
			Name: "public-key", Want: cmp.Or(bareKey(public), resource.AfterApply), Policy: resource.Refuse,
			Remedy: "the nodes know another SSH key: use the one that the cluster was made with (copy it from the machine that made it, or set ssh.key)",
		}},
		Create: func(ctx context.Context, _ *resource.World) (resource.Object, error) {
			out, err := c.aws.EC2.ImportKeyPair(ctx, &ec2.ImportKeyPairInput{
				KeyName: aws.String(c.keyName()), PublicKeyMaterial: []byte(bareKey(public)),
				TagSpecifications: c.tagged(ec2types.ResourceTypeKeyPair, KeyPairKey),
			})
			if err != nil {
				return resource.Object{}, err
			}
			return keyPairObject(KeyPairKey, aws.ToString(out.KeyPairId), c.keyName(), public), nil
		},
	}
}

func (c *Cloud) keyName() string { return "slipway-" + c.cluster }

// bareKey leaves the comment of a public key away.
func bareKey(line string) string {
	fields := strings.Fields(line)
	return strings.Join(fields[:min(2, len(fields))], " ")
}

func keyPairObject(key resource.Key, id, name, public string) resource.Object {
	return resource.Object{
		Key: key, ID: id,
		Fields: map[string]string{"public-key": bareKey(public)},
		Labels: map[string]string{"name": name},
	}
}

func (c *Cloud) findKeyPairs() resource.Finder {
	return resource.Finder{Kinds: []string{KindKeyPair}, Find: func(ctx context.Context) ([]resource.Object, error) {
		out, err := c.aws.EC2.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{Filters: c.mine(), IncludePublicKey: aws.Bool(true)})
		if err != nil {
			return nil, err
		}
		var all []resource.Object
		for _, k := range out.KeyPairs {
			id := aws.ToString(k.KeyPairId)
			o := keyPairObject(keyOf(k.Tags, KindKeyPair, id), id, aws.ToString(k.KeyName), aws.ToString(k.PublicKey))
			o.Created = aws.ToTime(k.CreateTime)
			all = append(all, o)
		}
		return all, nil
	}}
}

func (c *Cloud) keyPairKind() resource.Kind {
	return resource.Kind{
		Name:  KindKeyPair,
		After: []string{KindInstance},
		Delete: func(ctx context.Context, have resource.Object, _ func(string)) error {
			_, err := c.aws.EC2.DeleteKeyPair(ctx, &ec2.DeleteKeyPairInput{KeyPairId: aws.String(have.ID)})
			return gone(err, "InvalidKeyPair.NotFound")
		},
	}
}
