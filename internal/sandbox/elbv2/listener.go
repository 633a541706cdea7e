package elbv2

import (
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlListener struct {
	ARN      string             `xml:"ListenerArn"`
	Balancer string             `xml:"LoadBalancerArn"`
	Port     int                `xml:"Port"`
	Protocol string             `xml:"Protocol"`
	Actions  members[xmlAction] `xml:"DefaultActions"`
}

type xmlAction struct {
	Type    string                   `xml:"Type"`
	Group   string                   `xml:"TargetGroupArn"`
	Order   int                      `xml:"Order"`
	Forward members[xmlForwardGroup] `xml:"ForwardConfig>TargetGroups"`
}

type xmlForwardGroup struct {
	Group string `xml:"TargetGroupArn"`
}

type xmlListeners struct {
	Listeners members[xmlListener] `xml:"Listeners"`
	Next      string               `xml:"NextMarker,omitempty"`
}

func renderListener(l *state.Listener) xmlListener {
	return xmlListener{l.ARN, l.LoadBalancer, l.Port, l.Protocol, members[xmlAction]{[]xmlAction{{
		"forward", l.TargetGroup, 1, members[xmlForwardGroup]{[]xmlForwardGroup{{l.TargetGroup}}},
	}}}}
}

// listenerInput is a listener to make, or what is to change of one; empty fields of a change stay as they are.
type listenerInput struct {
	ARN, Balancer, Group string
	Port                 int
	Tags                 map[string]string
}

func decodeListener(create bool) func(*awswire.Params) listenerInput {
	return func(p *awswire.Params) listenerInput {
		var in listenerInput
		if protocol := p.String("Protocol"); protocol != "TCP" && (protocol != "" || create) {
			p.Invalid("The sandbox has listeners of protocol TCP only, not '%s'", protocol)
		}
		in.Port = p.IntBetween("Port", 0, 1, 65535)
		for i, item := range p.List("DefaultActions") {
			if i > 0 || item.Required("Type") != "forward" {
				p.Refuse("InvalidLoadBalancerAction", "A TCP listener has one default action, of type 'forward'")
			}
			in.Group = item.String("TargetGroupArn")
			item.Int("Order", 1)
			for _, g := range item.Sub("ForwardConfig").List("TargetGroups") {
				arn := g.Required("TargetGroupArn")
				g.Int("Weight", 1)
				if in.Group != "" && in.Group != arn {
					p.Refuse("InvalidLoadBalancerAction", "A TCP listener forwards to one target group")
				}
				in.Group = arn
			}
		}
		if create {
			in.Balancer, in.Tags = p.Required("LoadBalancerArn"), decodeTags(p)
			if in.Group == "" || in.Port == 0 {
				p.Invalid("A listener must have a port and a default action with a target group")
			}
		} else {
			in.ARN = p.Required("ListenerArn")
		}
		return in
	}
}

type listenerQuery struct {
	Balancer string
	ARNs     []string
	Page     awswire.Page
}

func (a *api) listenerActions() []awswire.Action {
	return []awswire.Action{
		op[listenerInput]{
			name: "CreateListener", decode: decodeListener(true), handle: (*scope).createListener,
			touches: func(in listenerInput) []string { return []string{in.Balancer} },
		}.write(a),
		op[listenerInput]{
			name: "ModifyListener", decode: decodeListener(false), handle: (*scope).modifyListener,
			touches: func(in listenerInput) []string { return []string{in.ARN} },
		}.write(a),
		op[listenerQuery]{name: "DescribeListeners", handle: (*scope).describeListeners, decode: func(p *awswire.Params) listenerQuery {
			q := listenerQuery{p.String("LoadBalancerArn"), p.Strings("ListenerArns"), p.Marker("PageSize", 0, describeLimit)}
			if (q.Balancer == "") == (len(q.ARNs) == 0) {
				p.Invalid("You must specify either listener ARNs or a load balancer ARN")
			}
			return q
		}}.read(a),
		op[one]{name: "DeleteListener", decode: decodeOne("ListenerArn"), handle: (*scope).deleteListener, touches: oneARN}.write(a),
	}
}

// checkForward refuses a target group that the load balancer cannot forward to.
func (s *scope) checkForward(lb *state.LoadBalancer, group string) error {
	tg, err := s.group(group)
	if err != nil {
		return err
	}
	if tg.VPC != lb.VPC {
		return refuse("InvalidConfigurationRequest", "The target group '%s' is not in the load balancer's VPC", tg.ARN)
	}
	if used := s.balancersOf(tg.ARN); len(used) > 0 && used[0] != lb.ARN {
		return refuse("TargetGroupAssociationLimit", "The target group '%s' is associated with another load balancer", tg.ARN)
	}
	return nil
}

func (s *scope) createListener(in listenerInput) (any, error) {
	lb, err := s.balancer(in.Balancer)
	if err != nil {
		return nil, err
	}
	if err := s.checkForward(lb, in.Group); err != nil {
		return nil, err
	}
	count := 0
	for _, old := range s.Listeners {
		if old.LoadBalancer != lb.ARN {
			continue
		}
		count++
		if old.Port == in.Port && old.TargetGroup == in.Group {
			return xmlListeners{Listeners: members[xmlListener]{[]xmlListener{renderListener(old)}}}, nil
		}
		if old.Port == in.Port {
			return nil, refuse("DuplicateListener", "A listener already exists on this port for this load balancer")
		}
	}
	if count >= maxListeners {
		return nil, refuse("TooManyListeners", "The maximum number of listeners has been reached")
	}
	l := &state.Listener{
		ARN: strings.Replace(lb.ARN, ":loadbalancer/", ":listener/", 1) + "/" + awswire.NewHex(16), LoadBalancer: lb.ARN,
		Protocol: "TCP", Port: in.Port, TargetGroup: in.Group,
	}
	s.Listeners[l.ARN] = l
	s.setTags(l.ARN, in.Tags)
	return xmlListeners{Listeners: members[xmlListener]{[]xmlListener{renderListener(l)}}}, nil
}

// listener returns the listener of that ARN.
func (s *scope) listener(arn string) (*state.Listener, error) {
	if l := s.Listeners[arn]; l != nil {
		return l, nil
	}
	return nil, refuse("ListenerNotFound", "One or more listeners not found: '%s'", arn)
}

func (s *scope) modifyListener(in listenerInput) (any, error) {
	l, err := s.listener(in.ARN)
	if err != nil {
		return nil, err
	}
	if in.Group != "" {
		if err := s.checkForward(s.LoadBalancers[l.LoadBalancer], in.Group); err != nil {
			return nil, err
		}
		l.TargetGroup = in.Group
	}
	if in.Port != 0 {
		for _, other := range s.Listeners {
			if other != l && other.LoadBalancer == l.LoadBalancer && other.Port == in.Port {
				return nil, refuse("DuplicateListener", "A listener already exists on this port for this load balancer")
			}
		}
		l.Port = in.Port
	}
	return xmlListeners{Listeners: members[xmlListener]{[]xmlListener{renderListener(l)}}}, nil
}

func (s *scope) describeListeners(q listenerQuery) (any, error) {
	if q.Balancer != "" {
		if _, err := s.balancer(q.Balancer); err != nil {
			return nil, err
		}
	}
	for _, arn := range q.ARNs {
		if _, err := s.listener(arn); err != nil {
			return nil, err
		}
	}
	all := slices.DeleteFunc(sorted(s.Listeners), func(l *state.Listener) bool {
		return q.Balancer != "" && l.LoadBalancer != q.Balancer || len(q.ARNs) > 0 && !slices.Contains(q.ARNs, l.ARN)
	})
	all, next, err := awswire.Cut(all, q.Page, func(l *state.Listener) string { return l.ARN }, awswire.DialectOf(awswire.AWSQuery))
	return xmlListeners{membersOf(all, renderListener), next}, err
}

func (s *scope) deleteListener(in one) (any, error) {
	if _, err := s.listener(in.ARN); err != nil {
		return nil, err
	}
	s.forgetListener(in.ARN)
	return struct{}{}, nil
}

func (s *scope) forgetListener(arn string) {
	delete(s.Listeners, arn)
	delete(s.Tags, arn)
}
