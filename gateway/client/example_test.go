package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"kaqiao/gateway/client"
)

// gateway answers as a gateway does, so that the examples run anywhere.
func gateway() *httptest.Server {
	const id = "bnd_01JB2N5Q0W8R7C5ZK3M4P6T9VX"
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case strings.Contains(string(body), "李四"):
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = io.WriteString(w, `{"code":"name_mismatch","category":"information","outcome":"refused","remedy":{"zh":"请填写在银行开户时登记的姓名。","en":"Enter the registered name."}}`)
		case strings.HasSuffix(r.URL.Path, "/confirm"):
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"id":"`+id+`","state":"active","next":{"action":"none"},"agreement":{"number":"AGR-1"}}`)
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"id":"`+id+`","state":"awaiting_code","next":{"action":"confirm","requires":["code"]},"challenge":{"kind":"sms","to":"138****8000"}}`)
		}
	}))
}

func person(name string) client.BindingRequest {
	return client.BindingRequest{
		UserID: "u_1001", Platform: "wechat",
		Card: client.Card{Number: "6228480402564890018"},
		Holder: client.Holder{
			Name: name, Mobile: "+8613800138000",
			Document: client.Document{Type: client.DocumentTypeResidentID, Number: "11010519491231002X"},
		},
		Terminal: client.Terminal{Os: client.TerminalOsAndroid, OsVersion: "14", ClientVersion: "8.0.50"},
	}
}

// A whole binding, with a person who reads the code from a phone.
func ExampleClient_Bind() {
	server := gateway()
	defer server.Close()
	c, err := client.New(server.URL, "the caller's key")
	if err != nil {
		panic(err)
	}
	defer c.Close()
	answer, err := c.Bind(context.Background(), person("张三"), func(_ context.Context, b client.Binding) (client.ConfirmRequest, error) {
		fmt.Println("a code went by", b.Challenge.Kind, "to", b.Challenge.To)
		return client.ConfirmRequest{Code: "123456"}, nil
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(answer.State, answer.Agreement.Number)
	// Output:
	// a code went by sms to 138****8000
	// active AGR-1
}

// A refusal says what a program and what a person should do.
func ExampleProblem() {
	server := gateway()
	defer server.Close()
	c, err := client.New(server.URL, "the caller's key")
	if err != nil {
		panic(err)
	}
	defer c.Close()
	_, err = c.Create(context.Background(), person("李四"), "order-4711")
	var p *client.Problem
	if errors.As(err, &p) {
		fmt.Println(p.Code, p.Outcome)
		fmt.Println(p.Remedy.Zh)
	}
	// Output:
	// name_mismatch refused
	// 请填写在银行开户时登记的姓名。
}
