package command

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kaqiao/gateway/client"
)

func undecided(w world) *cobra.Command {
	at, lang := &gatewayAt{}, ""
	c := &cobra.Command{
		Use: "undecided", Short: "Show what no bank would tell for a day: a person must find out", Args: none,
		Long: "Show every attempt that has been unknown for longer than its channel's resolve.human_after. Ask the bank's people about our number,\n" +
			"then say what they told with `gateway decide`. The bank goes on being asked all the same. The caller must be an operator.",
		RunE: func(c *cobra.Command, _ []string) error {
			if lang != "en" && lang != "zh" {
				return usageError{errors.New("undecided: --lang must be en or zh")}
			}
			cl, err := at.client()
			if err != nil {
				return err
			}
			defer cl.Close()
			list, err := cl.Undecided(c.Context())
			if err != nil {
				return explain(err)
			}
			_, err = fmt.Fprint(w.out, undecidedTable(list, undecidedWords(lang), time.Now()))
			return err
		},
	}
	at.flags(c)
	c.Flags().StringVar(&lang, "lang", "en", "language: en or zh")
	return c
}

// undecidedTable is a row for each attempt, and what to do about them.
func undecidedTable(list client.UndecidedList, say vocabulary, now time.Time) string {
	if len(list.Undecided) == 0 {
		return say.say("nothing waits for a person") + "\n"
	}
	rows := [][]string{{say.say("attempt"), say.say("operation"), say.say("bank"), say.say("our number"), say.say("since"), say.say("unknown for"), say.say("asked"), say.say("card"), say.say("agreement")}}
	for _, u := range list.Undecided {
		agreement := u.Agreement
		if agreement == "" && u.NeedsAgreement {
			agreement = say.say("to be asked for")
		}
		rows = append(rows, []string{
			u.Attempt, say.say(string(u.Operation)), u.Bank + "/" + u.Channel, u.Number, clock(u.Since),
			age(now.Sub(u.Since)), strconv.Itoa(u.Asked), "****" + u.CardLast4, agreement,
		})
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], places(cell)+2)
		}
	}
	var out strings.Builder
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			line += pad(cell, widths[i])
		}
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	if list.More {
		out.WriteString(say.say("there are more: these come first") + "\n")
	}
	out.WriteString("\n" + say.say("ask the bank about our number, then:") + "\n  gateway decide att_… accepted|refused|never-arrived [--agreement …] --reason …\n")
	return out.String()
}

// age is how long something has lasted: in minutes up to two hours, then in whole hours.
func age(d time.Duration) string {
	if d < 2*time.Hour {
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}

func undecidedWords(lang string) vocabulary {
	if lang != "zh" {
		return nil
	}
	return vocabulary{
		"nothing waits for a person": "没有需要人工查明的事项", "attempt": "请求", "operation": "操作", "bank": "银行/通道", "our number": "我方流水号",
		"since": "始于", "unknown for": "不明时长", "asked": "已查询", "card": "卡片", "agreement": "协议号", "to be asked for": "须向银行询问",
		"apply": "申请", "challenge": "重发", "confirm": "签约", "cancel": "取消", "unsign": "解约",
		"there are more: these come first": "还有更多，以上最先处理", "ask the bank about our number, then:": "请凭我方流水号向银行查询，然后执行：",
	}
}

func decide(w world) *cobra.Command {
	at := &gatewayAt{}
	var agreement, reason string
	c := &cobra.Command{
		Use: "decide ATTEMPT accepted|refused|never-arrived", Short: "Say what became of an attempt, as the bank has told a person",
		Long: "Say what became of an attempt that no query could settle. accepted: the bank has done it; where it has signed, --agreement is the number it\n" +
			"names. refused: it has said no. never-arrived: it has nothing of it; an unsigning is then sent again. The same word again changes\n" +
			"nothing; what is decided is never overwritten. Who decided and why shows in `gateway explain`. The caller must be an operator.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 || !strings.HasPrefix(args[0], "att_") || args[1] != "accepted" && args[1] != "refused" && args[1] != "never-arrived" {
				return usageError{errors.New("decide: say which attempt (att_…, see `gateway undecided`) and accepted, refused or never-arrived")}
			}
			var faults []error
			if reason == "" || len([]rune(reason)) > 200 {
				faults = append(faults, errors.New("decide: --reason is required, of at most 200 characters: others will ask how it is known"))
			}
			if agreement != "" && args[1] != "accepted" {
				faults = append(faults, errors.New("decide: --agreement belongs to accepted"))
			}
			if err := errors.Join(faults...); err != nil {
				return usageError{err}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := at.client()
			if err != nil {
				return err
			}
			defer cl.Close()
			return runDecide(c.Context(), w, cl, args[0], client.Decision{Decision: client.DecisionDecision(args[1]), Agreement: agreement, Reason: reason})
		},
	}
	at.flags(c)
	c.Flags().StringVar(&agreement, "agreement", "", "the bank's number of the agreement, with accepted of what signs")
	c.Flags().StringVar(&reason, "reason", "", "where it is known from; kept")
	return c
}

func runDecide(ctx context.Context, w world, cl *client.Client, attempt string, in client.Decision) error {
	now, err := cl.Decide(ctx, attempt, in)
	if err != nil {
		return explain(err)
	}
	_, err = fmt.Fprintf(w.out, "%s is %s; binding %s is %s\n", now.Attempt, now.Outcome, now.Binding, now.State)
	return err
}
