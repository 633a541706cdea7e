package ec2

import (
	"net/netip"
	"slices"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlRouteTable struct {
	ID           string                     `xml:"routeTableId"`
	Owner        string                     `xml:"ownerId"`
	VPC          string                     `xml:"vpcId"`
	Routes       items[xmlRoute]            `xml:"routeSet"`
	Associations items[xmlRouteAssociation] `xml:"associationSet"`
	Propagating  struct{}                   `xml:"propagatingVgwSet"`
	Tags         items[tag]                 `xml:"tagSet"`
}

type xmlRoute struct {
	Destination string `xml:"destinationCidrBlock"`
	Gateway     string `xml:"gatewayId"`
	State       string `xml:"state"`
	Origin      string `xml:"origin"`
}

type xmlRouteAssociation struct {
	ID     string `xml:"routeTableAssociationId"`
	Table  string `xml:"routeTableId"`
	Subnet string `xml:"subnetId,omitempty"`
	Main   bool   `xml:"main"`
	State  string `xml:"associationState>state"`
}

func (s *scope) renderRouteTable(t *state.RouteTable) xmlRouteTable {
	return xmlRouteTable{
		ID: t.ID, Owner: state.Account, VPC: t.VPC, Tags: s.tagSet(t.ID), Routes: itemsOf(s.routes(t), func(r xmlRoute) xmlRoute { return r }),
		Associations: itemsOf(t.Associations, func(a state.RouteAssociation) xmlRouteAssociation {
			return xmlRouteAssociation{a.ID, t.ID, a.Subnet, a.Subnet == "", "associated"}
		}),
	}
}

// routes returns the table's routes as shown: the one within the VPC first.
func (s *scope) routes(t *state.RouteTable) []xmlRoute {
	all := []xmlRoute{{s.VPCs[t.VPC].CIDR, "local", "active", "CreateRouteTable"}}
	for _, r := range t.Routes {
		x := xmlRoute{r.Destination, r.Gateway, "active", "CreateRoute"}
		if network.Blackhole(s.EC2, t, r) {
			x.State = "blackhole"
		}
		all = append(all, x)
	}
	return all
}

func routeTableID(t *state.RouteTable) string { return t.ID }

// eachRoute and eachAssociation make filter fields with a value for each of a table's routes or associations.
func eachRoute(f func(xmlRoute) string) func(row[state.RouteTable]) []string {
	return func(r row[state.RouteTable]) (all []string) {
		for _, route := range r.routes(r.it) {
			all = append(all, f(route))
		}
		return all
	}
}

func eachAssociation(f func(state.RouteAssociation) string) func(row[state.RouteTable]) []string {
	return func(r row[state.RouteTable]) (all []string) {
		for _, a := range r.it.Associations {
			all = append(all, f(a))
		}
		return all
	}
}

var routeTableListing = listing[state.RouteTable, xmlRouteTable]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeRouteTables", set: "routeTableSet", ids: "RouteTableId", kind: kindRouteTable,
	all: func(s *scope) []*state.RouteTable { return sorted(s.RouteTables) }, key: routeTableID, tags: tagsOf(routeTableID),
	fields: map[string]func(row[state.RouteTable]) []string{
		"route-table-id":                         text(func(r row[state.RouteTable]) string { return r.it.ID }),
		"vpc-id":                                 text(func(r row[state.RouteTable]) string { return r.it.VPC }),
		"owner-id":                               text(func(row[state.RouteTable]) string { return state.Account }),
		"association.main":                       truth(func(r row[state.RouteTable]) bool { return r.it.Main() }),
		"association.subnet-id":                  eachAssociation(func(a state.RouteAssociation) string { return a.Subnet }),
		"association.route-table-association-id": eachAssociation(func(a state.RouteAssociation) string { return a.ID }),
		"association.route-table-id":             text(func(r row[state.RouteTable]) string { return r.it.ID }),
		"route.destination-cidr-block":           eachRoute(func(r xmlRoute) string { return r.Destination }),
		"route.gateway-id":                       eachRoute(func(r xmlRoute) string { return r.Gateway }),
		"route.state":                            eachRoute(func(r xmlRoute) string { return r.State }),
	},
	render: func(r row[state.RouteTable]) xmlRouteTable { return r.renderRouteTable(r.it) },
}

func (a *api) routeActions() []awswire.Action {
	touches := func(in routeInput) []string { return []string{in.Table} }
	return []awswire.Action{
		op[routeTableInput]{
			name: "CreateRouteTable", decode: decodeCreateRouteTable, handle: (*scope).createRouteTable,
			touches: only(func(in routeTableInput) string { return in.VPC }), creates: func(in routeTableInput) tagSpecs { return in.Tags },
		}.write(a),
		routeTableListing.on(a),
		op[one]{name: "DeleteRouteTable", decode: decodeOne("RouteTableId"), handle: (*scope).deleteRouteTable, touches: oneID}.write(a),
		op[routeInput]{name: "CreateRoute", decode: decodeRoute(true), handle: (*scope).createRoute, touches: touches}.write(a),
		op[routeInput]{name: "ReplaceRoute", decode: decodeRoute(true), handle: (*scope).replaceRoute, touches: touches}.write(a),
		op[routeInput]{name: "DeleteRoute", decode: decodeRoute(false), handle: (*scope).deleteRoute, touches: touches}.write(a),
		op[associationInput]{
			name: "AssociateRouteTable", handle: (*scope).associateRouteTable,
			decode: func(p *awswire.Params) associationInput {
				return associationInput{p.Required("RouteTableId"), p.Required("SubnetId")}
			},
			touches: func(in associationInput) []string { return []string{in.Table, in.Subnet} },
		}.write(a),
		op[one]{name: "DisassociateRouteTable", decode: decodeOne("AssociationId"), handle: (*scope).disassociateRouteTable}.write(a),
	}
}

type routeTableInput struct {
	VPC   string
	Token string
	Tags  tagSpecs
}

func decodeCreateRouteTable(p *awswire.Params) routeTableInput {
	return routeTableInput{p.Required("VpcId"), p.String("ClientToken"), decodeTagSpecs(p, "route-table")}
}

// newRouteTable makes a table with no routes but the one within the VPC.
func (s *scope) newRouteTable(vpc string) *state.RouteTable {
	t := &state.RouteTable{ID: awswire.NewID("rtb"), VPC: vpc}
	s.RouteTables[t.ID] = t
	return t
}

func (s *scope) createRouteTable(in routeTableInput) (any, error) {
	if _, err := find(s.VPCs, kindVPC, in.VPC); err != nil {
		return nil, err
	}
	count := 0
	for _, t := range s.RouteTables {
		if t.VPC == in.VPC {
			count++
		}
	}
	id, _, err := s.once(in.Token, func() (string, error) {
		if count >= s.api.Quotas.RouteTables {
			return "", awswire.Errorf("RouteTableLimitExceeded", 400, "The maximum number of route tables has been reached.")
		}
		t := s.newRouteTable(in.VPC)
		s.setTags(t.ID, in.Tags["route-table"])
		return t.ID, nil
	})
	if err != nil {
		return nil, err
	}
	t, err := find(s.RouteTables, kindRouteTable, id)
	if err != nil {
		return nil, err
	}
	return struct {
		Table xmlRouteTable `xml:"routeTable"`
		Token string        `xml:"clientToken,omitempty"`
	}{s.renderRouteTable(t), in.Token}, nil
}

// once makes something for the call's client token, at most once.
func (s *scope) once(token string, create func() (string, error)) (string, bool, error) {
	return s.region.Once("ec2:"+s.req.Action, token, s.req.Fingerprint, s.now, create)
}

func (s *scope) deleteRouteTable(in one) (any, error) {
	t, err := find(s.RouteTables, kindRouteTable, in.ID)
	if err != nil {
		return nil, err
	}
	if len(t.Associations) > 0 {
		return nil, dependency(kindRouteTable, t.ID)
	}
	delete(s.RouteTables, t.ID)
	delete(s.Tags, t.ID)
	return done()
}

type routeInput struct{ Table, Destination, Gateway string }

func decodeRoute(withTarget bool) func(*awswire.Params) routeInput {
	return func(p *awswire.Params) routeInput {
		in := routeInput{Table: p.Required("RouteTableId"), Destination: p.Required("DestinationCidrBlock")}
		if withTarget {
			in.Gateway = p.Required("GatewayId")
		}
		if block, err := netip.ParsePrefix(in.Destination); err == nil && block.Addr().Is4() {
			in.Destination = block.Masked().String()
		} else if in.Destination != "" {
			p.Invalid("Value (%s) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.", in.Destination)
		}
		return in
	}
}

// route finds the table, checks the gateway if there is one, and finds the route's number; -1 if there is none.
func (s *scope) route(in routeInput) (*state.RouteTable, int, error) {
	t, err := find(s.RouteTables, kindRouteTable, in.Table)
	if err != nil {
		return nil, 0, err
	}
	if in.Gateway != "" {
		g, err := find(s.InternetGateways, kindGateway, in.Gateway)
		if err != nil {
			return nil, 0, err
		}
		if g.VPC != t.VPC {
			return nil, 0, invalid("route table %s and network gateway %s belong to different networks", t.ID, g.ID)
		}
	}
	return t, slices.IndexFunc(t.Routes, func(r state.Route) bool { return r.Destination == in.Destination }), nil
}

func (s *scope) createRoute(in routeInput) (any, error) {
	t, at, err := s.route(in)
	if err != nil {
		return nil, err
	}
	local := netip.MustParsePrefix(s.VPCs[t.VPC].CIDR)
	switch block := netip.MustParsePrefix(in.Destination); {
	case at >= 0 && t.Routes[at].Gateway == in.Gateway:
		return done() // AWS takes the same route again
	case at >= 0 || block == local:
		return nil, awswire.Errorf("RouteAlreadyExists", 400, "The route identified by %s already exists.", in.Destination)
	case local.Contains(block.Addr()) && block.Bits() > local.Bits():
		return nil, invalid("The destination CIDR block %s is equal to or more specific than one of this VPC's CIDR blocks", in.Destination)
	case len(t.Routes)+1 >= s.api.Quotas.RoutesPerTable:
		return nil, awswire.Errorf("RouteLimitExceeded", 400, "The maximum number of routes has been reached.")
	}
	t.Routes = append(t.Routes, state.Route{Destination: in.Destination, Gateway: in.Gateway})
	return done()
}

func (s *scope) replaceRoute(in routeInput) (any, error) {
	t, at, err := s.route(in)
	if err != nil {
		return nil, err
	}
	if at < 0 {
		return nil, invalid("There is no route defined for '%s' in the route table. Use CreateRoute instead.", in.Destination)
	}
	t.Routes[at].Gateway = in.Gateway
	return done()
}

func (s *scope) deleteRoute(in routeInput) (any, error) {
	t, at, err := s.route(in)
	if err != nil {
		return nil, err
	}
	if at < 0 {
		return nil, awswire.Errorf("InvalidRoute.NotFound", 400, "no route with destination-cidr-block %s in route table %s", in.Destination, t.ID)
	}
	t.Routes = slices.Delete(t.Routes, at, at+1)
	return done()
}

type associationInput struct{ Table, Subnet string }

func (s *scope) associateRouteTable(in associationInput) (any, error) {
	t, err := find(s.RouteTables, kindRouteTable, in.Table)
	if err != nil {
		return nil, err
	}
	n, err := find(s.Subnets, kindSubnet, in.Subnet)
	if err != nil {
		return nil, err
	}
	if n.VPC != t.VPC {
		return nil, invalid("route table %s and subnet %s belong to different networks", t.ID, n.ID)
	}
	association := state.RouteAssociation{ID: awswire.NewID("rtbassoc"), Subnet: n.ID}
	for _, other := range s.RouteTables {
		for _, a := range other.Associations {
			if a.Subnet == n.ID && other != t {
				return nil, awswire.Errorf("Resource.AlreadyAssociated", 400,
					"the specified association for route table %s conflicts with an existing association", t.ID)
			}
			if a.Subnet == n.ID {
				association = a // AWS takes the same association again
			}
		}
	}
	if !slices.Contains(t.Associations, association) {
		t.Associations = append(t.Associations, association)
	}
	return struct {
		ID    string `xml:"associationId"`
		State string `xml:"associationState>state"`
	}{association.ID, "associated"}, nil
}

func (s *scope) disassociateRouteTable(in one) (any, error) {
	for _, t := range s.RouteTables {
		for i, a := range t.Associations {
			if a.ID != in.ID {
				continue
			}
			if a.Subnet == "" {
				return nil, invalid("cannot disassociate the main route table association %s", in.ID)
			}
			t.Associations = slices.Delete(t.Associations, i, i+1)
			return done()
		}
	}
	return nil, kindAssociation.notFound(in.ID)
}
