package awswire

import "encoding/base64"

// Page is what a caller asked of a long list: at most Max items, from where Token left off.
type Page struct {
	Max   int
	Token string
}

// Page reads EC2's MaxResults (low to high; absent = everything) and NextToken.
func (p *Params) Page(low, high int) Page {
	return Page{Max: p.IntBetween("MaxResults", 0, low, high), Token: p.String("NextToken")}
}

// Marker reads the paging of the query services: the size under the given name (MaxItems, PageSize) and Marker.
func (p *Params) Marker(sizeName string, def, high int) Page {
	return Page{Max: p.IntBetween(sizeName, def, 1, high), Token: p.String("Marker")}
}

// Cut returns one page of the objects, which must be in a stable order of their keys, and the token of the next page,
// "" on the last. The token names the last key given out, so that what comes or goes between two calls neither repeats
// nor hides another object.
func Cut[T any](objects []T, page Page, key func(T) string, d *Dialect) ([]T, string, error) {
	if page.Token != "" {
		last, err := base64.URLEncoding.DecodeString(page.Token)
		if err != nil {
			return nil, "", Errorf(d.InvalidToken, 400, "The token '%s' is invalid", page.Token)
		}
		for len(objects) > 0 && key(objects[0]) <= string(last) {
			objects = objects[1:]
		}
	}
	if page.Max <= 0 || len(objects) <= page.Max {
		return objects, "", nil
	}
	objects = objects[:page.Max]
	return objects, base64.URLEncoding.EncodeToString([]byte(key(objects[len(objects)-1]))), nil
}

// Truncated is the pair that the query services end a page with.
type Truncated struct {
	IsTruncated bool   `xml:"IsTruncated"`
	Marker      string `xml:"Marker,omitempty"`
}

// More returns the pair for a token of Cut.
func More(token string) Truncated { return Truncated{IsTruncated: token != "", Marker: token} }
