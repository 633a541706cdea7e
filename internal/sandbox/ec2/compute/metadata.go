package compute

import (
	"encoding/xml"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// attributeResult is the answer with one attribute, in an element of its name.
type attributeResult struct{ instance, attribute, value string }

// MarshalXML writes <instanceId>i-1</instanceId><instanceType><value>m5.large</value></instanceType>.
func (r attributeResult) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	if err := e.EncodeElement(r.instance, call.Element("instanceId")); err != nil {
		return err
	}
	if err := e.EncodeElement(call.Value[string]{Value: r.value}, call.Element(r.attribute)); err != nil {
		return err
	}
	return e.EncodeToken(start.End())
}

// metadataInput is an instance's settings of the metadata service; what is empty or 0 stays as it is.
type metadataInput struct {
	Instance               string
	Tokens, Endpoint, Tags string
	HopLimit               int
}

// decodeMetadata reads the settings, of RunInstances' MetadataOptions or of a call of their own.
func decodeMetadata(p *awswire.Params) metadataInput {
	p.OneOf("HttpProtocolIpv6", "", "disabled")
	return metadataInput{
		Tokens: p.OneOf("HttpTokens", "", "required", "optional"), Endpoint: p.OneOf("HttpEndpoint", "", "enabled", "disabled"),
		Tags: p.OneOf("InstanceMetadataTags", "", "enabled", "disabled"), HopLimit: p.IntBetween("HttpPutResponseHopLimit", 0, 1, 64),
	}
}

func decodeModifyMetadata(p *awswire.Params) metadataInput {
	in := decodeMetadata(p)
	in.Instance = p.Required("InstanceId")
	if in == (metadataInput{Instance: in.Instance}) {
		p.Refuse("InvalidParameterCombination", "No metadata options specified.")
	}
	return in
}

// apply returns the settings with the input's changes.
func (in metadataInput) apply(m state.MetadataOptions) state.MetadataOptions {
	if in.Tokens != "" {
		m.TokensOptional = in.Tokens == "optional"
	}
	if in.Endpoint != "" {
		m.Disabled = in.Endpoint == "disabled"
	}
	if in.Tags != "" {
		m.InstanceTags = in.Tags == "enabled"
	}
	if in.HopLimit != 0 {
		m.HopLimit = in.HopLimit
	}
	return m
}

func modifyMetadata(s *call.Scope, in metadataInput) (any, error) {
	i, err := call.Find(s.Instances, call.KindInstance, in.Instance)
	if err != nil {
		return nil, err
	}
	if i.State != state.InstanceRunning && i.State != state.InstanceStopped && i.State != state.InstancePending {
		return nil, wrongState(i, "modified")
	}
	i.Metadata = in.apply(i.Metadata)
	return struct {
		ID       string      `xml:"instanceId"`
		Metadata xmlMetadata `xml:"instanceMetadataOptions"`
	}{i.ID, renderMetadata(i.Metadata)}, nil
}
