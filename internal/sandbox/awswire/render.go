package awswire

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
)

// Response is a rendered answer.
type Response struct {
	Status      int
	ContentType string
	Body        []byte
}

// RenderResult writes an action's result as the service's protocol does. A result of nil is an empty one.
func RenderResult(s *Service, action, requestID string, result any) (Response, error) {
	if s.Protocol == JSON11 {
		if result == nil {
			result = struct{}{}
		}
		body, err := json.Marshal(result)
		if err != nil {
			return Response{}, fmt.Errorf("render %s: %w", action, err)
		}
		return Response{200, "application/x-amz-json-1.1", body}, nil
	}
	inner, err := innerXML(result)
	if err != nil {
		return Response{}, fmt.Errorf("render %s: %w", action, err)
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	fmt.Fprintf(&b, `<%sResponse xmlns="%s">`, action, s.XMLNS)
	if s.Protocol == EC2Query {
		fmt.Fprintf(&b, "<requestId>%s</requestId>%s", requestID, inner)
	} else {
		fmt.Fprintf(&b, "<%sResult>%s</%sResult>", action, inner, action)
		fmt.Fprintf(&b, "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata>", requestID)
	}
	fmt.Fprintf(&b, "</%sResponse>", action)
	return Response{200, "text/xml;charset=UTF-8", b.Bytes()}, nil
}

// RenderError writes a refusal as the service's protocol does. An error that is no APIError is an internal failure and
// its text is shown, since the caller is the operator of this sandbox.
func RenderError(s *Service, requestID string, err error) Response {
	var e *APIError
	if !errors.As(err, &e) {
		e = DialectOf(s.Protocol).Internal.Errorf("%s", err.Error())
	}
	switch s.Protocol {
	case JSON11:
		body, _ := json.Marshal(map[string]string{"__type": e.Code, "message": e.Message}) // strings always marshal
		return Response{e.Status, "application/x-amz-json-1.1", body}
	case EC2Query:
		return Response{e.Status, "text/xml;charset=UTF-8", fmt.Appendf(nil,
			"%s<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>%s</RequestID></Response>",
			xml.Header, escape(e.Code), escape(e.Message), requestID)}
	default:
		kind := "Sender"
		if e.Status >= 500 {
			kind = "Receiver"
		}
		return Response{e.Status, "text/xml;charset=UTF-8", fmt.Appendf(nil,
			`%s<ErrorResponse xmlns="%s"><Error><Type>%s</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>`,
			xml.Header, s.XMLNS, kind, escape(e.Code), escape(e.Message), requestID)}
	}
}

// innerXML returns the XML of a result's fields without an element around them, so that the caller can choose that.
func innerXML(result any) ([]byte, error) {
	if result == nil {
		return nil, nil
	}
	var b bytes.Buffer
	enc := xml.NewEncoder(&b)
	if err := enc.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: "x"}}); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(bytes.TrimPrefix(b.Bytes(), []byte("<x>")), []byte("</x>")), nil
}

func escape(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a bytes.Buffer takes everything
	return b.String()
}
