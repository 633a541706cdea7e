package vpc

import (
	"net/netip"
	"slices"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlRouteTable struct {
	ID           string                          `xml:"routeTableId"`
	Owner        string                          `xml:"ownerId"`
	VPC          string                          `xml:"vpcId"`
	Routes       call.Items[xmlRoute]            `xml:"routeSet"`
	Associations call.Items[xmlRouteAssociation] `xml:"associationSet"`
	Propagating  struct{}                        `xml:"propagatingVgwSet"`
	Tags         call.Items[call.Tag]            `xml:"tagSet"`
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

func renderRouteTable(s *call.Scope, t *state.RouteTable) xmlRouteTable {
	return xmlRouteTable{
		ID: t.ID, Owner: state.Account, VPC: t.VPC, Tags: s.TagSet(t.ID), Routes: call.ItemsOf(routes(s, t), func(r xmlRoute) xmlRoute { return r }),
		Associations: call.ItemsOf(t.Associations, func(a state.RouteAssociation) xmlRouteAssociation {
			return xmlRouteAssociation{a.ID, t.ID, a.Subnet, a.Subnet == "", "associated"}
		}),
	}
}

// routes returns the table's routes as shown: the one within the VPC first.
func routes(s *call.Scope, t *state.RouteTable) []xmlRoute {
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
func eachRoute(f func(xmlRoute) string) func(call.Row[state.RouteTable]) []string {
	return func(r call.Row[state.RouteTable]) (all []string) {
		for _, route := range routes(r.Scope, r.It) {
			all = append(all, f(route))
		}
		return all
	}
}

func eachAssociation(f func(state.RouteAssociation) string) func(call.Row[state.RouteTable]) []string {
	return func(r call.Row[state.RouteTable]) (all []string) {
		for _, a := range r.It.Associations {
			all = append(all, f(a))
		}
		return all
	}
}

var routeTableListing = call.Listing[state.RouteTable, xmlRouteTable]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeRouteTables", Set: "routeTableSet", IDs: "RouteTableId", Kind: call.KindRouteTable,
	All: func(s *call.Scope) []*state.RouteTable { return call.Sorted(s.RouteTables) }, Key: routeTableID, Tags: call.TagsOf(routeTableID),
	Fields: call.Fields[state.RouteTable]{
		"route-table-id":                         call.Of(func(t *state.RouteTable) string { return t.ID }),
		"vpc-id":                                 call.Of(func(t *state.RouteTable) string { return t.VPC }),
		"owner-id":                               call.Always[state.RouteTable](state.Account),
		"association.main":                       call.Is(func(t *state.RouteTable) bool { return t.Main() }),
		"association.subnet-id":                  eachAssociation(func(a state.RouteAssociation) string { return a.Subnet }),
		"association.route-table-association-id": eachAssociation(func(a state.RouteAssociation) string { return a.ID }),
		"association.route-table-id":             call.Of(func(t *state.RouteTable) string { return t.ID }),
		"route.destination-cidr-block":           eachRoute(func(r xmlRoute) string { return r.Destination }),
		"route.gateway-id":                       eachRoute(func(r xmlRoute) string { return r.Gateway }),
		"route.state":                            eachRoute(func(r xmlRoute) string { return r.State }),
	},
	Render: func(r call.Row[state.RouteTable]) xmlRouteTable { return renderRouteTable(r.Scope, r.It) },
}

func routeActions(a *call.API) []awswire.Action {
	touches := func(in routeInput) []string { return []string{in.Table} }
	return []awswire.Action{
		call.Op[routeTableInput]{
			Name: "CreateRouteTable", Decode: decodeCreateRouteTable, Handle: createRouteTable,
			Touches: call.Only(func(in routeTableInput) string { return in.VPC }), Creates: func(in routeTableInput) call.TagSpecs { return in.Tags },
		}.Write(a),
		routeTableListing.On(a),
		call.Op[call.One]{Name: "DeleteRouteTable", Decode: call.DecodeOne("RouteTableId"), Handle: deleteRouteTable, Touches: call.OneID}.Write(a),
		call.Op[routeInput]{Name: "CreateRoute", Decode: decodeRoute(true), Handle: createRoute, Touches: touches}.Write(a),
		call.Op[routeInput]{Name: "ReplaceRoute", Decode: decodeRoute(true), Handle: replaceRoute, Touches: touches}.Write(a),
		call.Op[routeInput]{Name: "DeleteRoute", Decode: decodeRoute(false), Handle: deleteRoute, Touches: touches}.Write(a),
		call.Op[associationInput]{
			Name: "AssociateRouteTable", Handle: associateRouteTable,
			Decode: func(p *awswire.Params) associationInput {
				return associationInput{p.Required("RouteTableId"), p.Required("SubnetId")}
			},
			Touches: func(in associationInput) []string { return []string{in.Table, in.Subnet} },
		}.Write(a),
		call.Op[call.One]{Name: "DisassociateRouteTable", Decode: call.DecodeOne("AssociationId"), Handle: disassociateRouteTable}.Write(a),
	}
}

type routeTableInput struct {
	VPC   string
	Token string
	Tags  call.TagSpecs
}

func decodeCreateRouteTable(p *awswire.Params) routeTableInput {
	return routeTableInput{p.Required("VpcId"), p.String("ClientToken"), call.DecodeTagSpecs(p, "route-table")}
}

// newRouteTable makes a table with no routes but the one within the VPC.
func newRouteTable(s *call.Scope, vpc string) *state.RouteTable {
	t := &state.RouteTable{ID: awswire.NewID("rtb"), VPC: vpc}
	s.RouteTables[t.ID] = t
	s.Hide(t.ID)
	return t
}

func createRouteTable(s *call.Scope, in routeTableInput) (any, error) {
	if _, err := call.Find(s.VPCs, call.KindVPC, in.VPC); err != nil {
		return nil, err
	}
	count := 0
	for _, t := range s.RouteTables {
		if t.VPC == in.VPC {
			count++
		}
	}
	id, _, err := s.Once(in.Token, func() (string, error) {
		if count >= s.API.Quotas.RouteTables {
			return "", awswire.Errorf("RouteTableLimitExceeded", 400, "The maximum number of route tables has been reached.")
		}
		t := newRouteTable(s, in.VPC)
		s.SetTags(t.ID, in.Tags["route-table"])
		return t.ID, nil
	})
	if err != nil {
		return nil, err
	}
	t, err := call.Find(s.RouteTables, call.KindRouteTable, id)
	if err != nil {
		return nil, err
	}
	return struct {
		Table xmlRouteTable `xml:"routeTable"`
		Token string        `xml:"clientToken,omitempty"`
	}{renderRouteTable(s, t), in.Token}, nil
}

func deleteRouteTable(s *call.Scope, in call.One) (any, error) {
	t, err := call.Find(s.RouteTables, call.KindRouteTable, in.ID)
	if err != nil {
		return nil, err
	}
	if len(t.Associations) > 0 {
		return nil, call.Dependency(call.KindRouteTable, t.ID)
	}
	delete(s.RouteTables, t.ID)
	delete(s.Tags, t.ID)
	return call.Done()
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
func route(s *call.Scope, in routeInput) (*state.RouteTable, int, error) {
	t, err := call.Find(s.RouteTables, call.KindRouteTable, in.Table)
	if err != nil {
		return nil, 0, err
	}
	if in.Gateway != "" {
		g, err := call.Find(s.InternetGateways, call.KindGateway, in.Gateway)
		if err != nil {
			return nil, 0, err
		}
		if g.VPC != t.VPC {
			return nil, 0, call.Invalid("route table %s and network gateway %s belong to different networks", t.ID, g.ID)
		}
	}
	return t, slices.IndexFunc(t.Routes, func(r state.Route) bool { return r.Destination == in.Destination }), nil
}

func createRoute(s *call.Scope, in routeInput) (any, error) {
	t, at, err := route(s, in)
	if err != nil {
		return nil, err
	}
	local := netip.MustParsePrefix(s.VPCs[t.VPC].CIDR)
	switch block := netip.MustParsePrefix(in.Destination); {
	case at >= 0 && t.Routes[at].Gateway == in.Gateway:
		return call.Done() // AWS takes the same route again
	case at >= 0 || block == local:
		return nil, awswire.Errorf("RouteAlreadyExists", 400, "The route identified by %s already exists.", in.Destination)
	case local.Contains(block.Addr()) && block.Bits() > local.Bits():
		return nil, call.Invalid("The destination CIDR block %s is equal to or more specific than one of this VPC's CIDR blocks", in.Destination)
	case len(t.Routes)+1 >= s.API.Quotas.RoutesPerTable:
		return nil, awswire.Errorf("RouteLimitExceeded", 400, "The maximum number of routes has been reached.")
	}
	t.Routes = append(t.Routes, state.Route{Destination: in.Destination, Gateway: in.Gateway})
	return call.Done()
}

func replaceRoute(s *call.Scope, in routeInput) (any, error) {
	t, at, err := route(s, in)
	if err != nil {
		return nil, err
	}
	if at < 0 {
		return nil, call.Invalid("There is no route defined for '%s' in the route table. Use CreateRoute instead.", in.Destination)
	}
	t.Routes[at].Gateway = in.Gateway
	return call.Done()
}

func deleteRoute(s *call.Scope, in routeInput) (any, error) {
	t, at, err := route(s, in)
	if err != nil {
		return nil, err
	}
	if at < 0 {
		return nil, awswire.Errorf("InvalidRoute.NotFound", 400, "no route with destination-cidr-block %s in route table %s", in.Destination, t.ID)
	}
	t.Routes = slices.Delete(t.Routes, at, at+1)
	return call.Done()
}

type associationInput struct{ Table, Subnet string }

func associateRouteTable(s *call.Scope, in associationInput) (any, error) {
	t, err := call.Find(s.RouteTables, call.KindRouteTable, in.Table)
	if err != nil {
		return nil, err
	}
	n, err := call.Find(s.Subnets, call.KindSubnet, in.Subnet)
	if err != nil {
		return nil, err
	}
	if n.VPC != t.VPC {
		return nil, call.Invalid("route table %s and subnet %s belong to different networks", t.ID, n.ID)
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

func disassociateRouteTable(s *call.Scope, in call.One) (any, error) {
	for _, t := range s.RouteTables {
		for i, a := range t.Associations {
			if a.ID != in.ID {
				continue
			}
			if a.Subnet == "" {
				return nil, call.Invalid("cannot disassociate the main route table association %s", in.ID)
			}
			t.Associations = slices.Delete(t.Associations, i, i+1)
			return call.Done()
		}
	}
	return nil, call.KindAssociation.NotFound(in.ID)
}
