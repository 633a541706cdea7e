package elbv2

import (
	"maps"
	"slices"
	"strconv"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
)

// deletionProtection keeps a load balancer from being deleted while it is "true".
const deletionProtection = "deletion_protection.enabled"

// deregistrationDelay is how many seconds a target drains.
const deregistrationDelay = "deregistration_delay.timeout_seconds"

// attribute is what an attribute of a load balancer or a target group may be. Without allowed values it is a number.
type attribute struct {
	def     string
	allowed []string
	max     int
}

var truth = []string{"true", "false"} //nolint:gochecknoglobals // a constant table

var balancerAttributes = map[string]attribute{ //nolint:gochecknoglobals // a constant table
	deletionProtection:                  {def: "false", allowed: truth},
	"load_balancing.cross_zone.enabled": {def: "false", allowed: truth},
	"access_logs.s3.enabled":            {def: "false", allowed: []string{"false"}},
	"dns_record.client_routing_policy": {def: "any_availability_zone", allowed: []string{
		"any_availability_zone", "availability_zone_affinity", "partial_availability_zone_affinity",
	}},
}

var groupAttributes = map[string]attribute{ //nolint:gochecknoglobals // a constant table
	deregistrationDelay:                                   {def: strconv.Itoa(deregistrationDefault), max: 3600},
	"preserve_client_ip.enabled":                          {def: "true", allowed: truth},
	"proxy_protocol_v2.enabled":                           {def: "false", allowed: []string{"false"}},
	"stickiness.enabled":                                  {def: "false", allowed: []string{"false"}},
	"stickiness.type":                                     {def: "source_ip", allowed: []string{"source_ip"}},
	"deregistration_delay.connection_termination.enabled": {def: "false", allowed: truth},
	"load_balancing.cross_zone.enabled": {def: "use_load_balancer_configuration", allowed: []string{
		"true", "false", "use_load_balancer_configuration",
	}},
}

type xmlAttribute struct {
	Key   string `xml:"Key"`
	Value string `xml:"Value"`
}

type xmlAttributes struct {
	Attributes members[xmlAttribute] `xml:"Attributes"`
}

// render shows every attribute of the table, with what was set or its default.
func render(table map[string]attribute, set map[string]string) xmlAttributes {
	return xmlAttributes{membersOf(slices.Sorted(maps.Keys(table)), func(key string) xmlAttribute {
		if v, ok := set[key]; ok {
			return xmlAttribute{key, v}
		}
		return xmlAttribute{key, table[key].def}
	})}
}

// attributesInput is an object and the attributes to set.
type attributesInput struct {
	ARN string
	Set map[string]string
}

func decodeAttributes(arn string, table map[string]attribute) func(*awswire.Params) attributesInput {
	return func(p *awswire.Params) attributesInput {
		in := attributesInput{p.Required(arn), map[string]string{}}
		for _, item := range p.List("Attributes") {
			key, value := item.Required("Key"), item.String("Value")
			a, known := table[key]
			n, err := strconv.Atoi(value)
			switch {
			case !known:
				p.Invalid("Attribute key '%s' is not recognized", key)
			case a.allowed == nil && (err != nil || n < 0 || n > a.max), a.allowed != nil && !slices.Contains(a.allowed, value):
				p.Refuse("InvalidConfigurationRequest", "The value '%s' of attribute '%s' is not valid", value, key)
			}
			in.Set[key] = value
		}
		if len(in.Set) == 0 {
			p.Invalid("Attributes must be specified")
		}
		return in
	}
}

func (a *api) attributeActions() []awswire.Action {
	touches := func(in attributesInput) []string { return []string{in.ARN} }
	return []awswire.Action{
		op[attributesInput]{
			name: "ModifyLoadBalancerAttributes", decode: decodeAttributes("LoadBalancerArn", balancerAttributes), touches: touches,
			handle: func(s *scope, in attributesInput) (any, error) {
				lb, err := s.balancer(in.ARN)
				if err != nil {
					return nil, err
				}
				maps.Copy(lb.Attributes, in.Set)
				return render(balancerAttributes, lb.Attributes), nil
			},
		}.write(a),
		op[one]{
			name: "DescribeLoadBalancerAttributes", decode: decodeOne("LoadBalancerArn"), touches: oneARN,
			handle: func(s *scope, in one) (any, error) {
				lb, err := s.balancer(in.ARN)
				if err != nil {
					return nil, err
				}
				return render(balancerAttributes, lb.Attributes), nil
			},
		}.read(a),
		op[attributesInput]{
			name: "ModifyTargetGroupAttributes", decode: decodeAttributes("TargetGroupArn", groupAttributes), touches: touches,
			handle: func(s *scope, in attributesInput) (any, error) {
				tg, err := s.group(in.ARN)
				if err != nil {
					return nil, err
				}
				maps.Copy(tg.Attributes, in.Set)
				return render(groupAttributes, tg.Attributes), nil
			},
		}.write(a),
		op[one]{
			name: "DescribeTargetGroupAttributes", decode: decodeOne("TargetGroupArn"), touches: oneARN,
			handle: func(s *scope, in one) (any, error) {
				tg, err := s.group(in.ARN)
				if err != nil {
					return nil, err
				}
				return render(groupAttributes, tg.Attributes), nil
			},
		}.read(a),
	}
}
