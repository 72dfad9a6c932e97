// pgx through the steps of tests/drivers/vocabulary.py: with cached statements, by the simple protocol, and as a pool.
// How it is asked and how it answers is told in tests/drivers/clients/built.py.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

type target struct {
	Host, User, Password, Database string
	Port                           uint16
	CA                             *string
}

type play struct {
	Target target
	Mode   string
	SQL    map[string]string
	Copied int
}

type report map[string]any

var (
	input  = bufio.NewScanner(os.Stdin)
	output = json.NewEncoder(os.Stdout)
)

func say(document report) {
	check(output.Encode(document))
}

func note(step string, found report) {
	found["step"] = step
	say(found)
}

func ask(what string) {
	say(report{"ask": what})
	input.Scan()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func told(err error) report {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return report{
			"sqlstate": server.Code, "message": server.Message, "detail": server.Detail, "hint": server.Hint,
		}
	}
	return report{"sqlstate": nil, "message": fmt.Sprint(err)}
}

func code(err error) any {
	return told(err)["sqlstate"]
}

func configure(p play) *pgxpool.Config {
	config, err := pgxpool.ParseConfig("sslmode=disable")
	check(err)
	connection := config.ConnConfig
	connection.Host, connection.Port = p.Target.Host, p.Target.Port
	connection.User, connection.Password, connection.Database = p.Target.User, p.Target.Password, p.Target.Database
	connection.Fallbacks = nil
	connection.ConnectTimeout = 10 * time.Second
	if p.Target.CA != nil {
		pem, err := os.ReadFile(*p.Target.CA)
		check(err)
		authorities := x509.NewCertPool()
		authorities.AppendCertsFromPEM(pem)
		connection.TLSConfig = &tls.Config{RootCAs: authorities, ServerName: p.Target.Host}
	}
	if p.Mode == "simple_protocol" {
		connection.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	}
	config.MaxConns = 1
	return config
}

func plays(p play) {
	background := context.Background()
	config := configure(p)
	if p.Mode == "pool" {
		pool, err := pgxpool.NewWithConfig(background, config)
		check(err)
		defer pool.Close()
		check(pool.AcquireFunc(background, func(held *pgxpool.Conn) error {
			steps(background, p, held.Conn())
			return nil
		}))
		ask("kill")
		var one int
		lost := pool.QueryRow(background, "SELECT 1").Scan(&one) != nil // an idle one may be asked first, and replaced
		check(pool.QueryRow(background, "SELECT 1").Scan(&one))
		note("reconnect", report{"lost": lost || one == 1, "then": one})
		return
	}
	connection, err := pgx.ConnectConfig(background, config.ConnConfig)
	check(err)
	steps(background, p, connection)
	ask("kill")
	_, lost := then(background, connection)
	check(connection.Close(background))
	again, err := pgx.ConnectConfig(background, config.ConnConfig)
	check(err)
	one, err := then(background, again)
	check(err)
	note("reconnect", report{"lost": lost != nil, "then": one})
	check(again.Close(background))
}

func then(background context.Context, connection *pgx.Conn) (one int, err error) {
	err = connection.QueryRow(background, "SELECT 1").Scan(&one)
	return
}

func steps(background context.Context, p play, connection *pgx.Conn) {
	one := func(found report) report {
		value, err := then(background, connection)
		check(err)
		found["then"] = value
		return found
	}
	exec := func(text string, parameters ...any) error {
		_, err := connection.Exec(background, text, parameters...)
		return err
	}
	allowed := func(number int64) [][]any {
		rows, err := connection.Query(background, p.SQL["allowed"], number)
		check(err)
		found := [][]any{}
		for rows.Next() {
			values, err := rows.Values()
			check(err)
			found = append(found, values)
		}
		check(rows.Err())
		return found
	}
	denied := func() error {
		var state string
		return connection.QueryRow(background, p.SQL["denied_with"], int64(1)).Scan(&state)
	}

	_, encrypted := connection.PgConn().Conn().(*tls.Conn)
	note("TLS", report{"on": encrypted})
	note("allowed", report{"rows": allowed(3)})
	results, err := connection.PgConn().Exec(background, p.SQL["denied"]).ReadAll()
	note("denied, simple", one(withResults(told(err), results)))
	prepared := [][][]any{allowed(1), allowed(2), allowed(2)}
	found := told(denied())
	found["rows"], found["again"] = prepared, code(denied())
	note("denied, prepared", one(found))
	note("denied in a batch", one(batch(background, p, connection)))

	transaction, err := connection.Begin(background)
	check(err)
	check(exec(p.SQL["insert_with"], "transaction-1"))
	savepoint, err := transaction.Begin(background)
	check(err)
	inner := code(denied())
	check(savepoint.Rollback(background))
	check(exec(p.SQL["insert_with"], "transaction-2"))
	found = told(denied())
	_, aborted := then(background, connection)
	found["inner"], found["aborted"] = inner, code(aborted)
	found["end"] = fmt.Sprint(transaction.Commit(background))
	note("denied in a transaction", one(found))

	failed := make(chan error)
	go func() { failed <- exec(p.SQL["long"]) }()
	ask("running")
	check(connection.PgConn().CancelRequest(background))
	note("cancel", one(told(<-failed)))
	copies(background, p, connection, one)

	rows, err := connection.Query(background, p.SQL["big"])
	check(err)
	count, sum := 0, int64(0)
	var number int32
	var text string
	_, err = pgx.ForEachRow(rows, []any{&number, &text}, func() error {
		count++
		sum += int64(number)
		return nil
	})
	check(err)
	note("big result", report{"rows": count, "sum": sum})
}

func withResults(found report, results []*pgconn.Result) report {
	rows := 0
	for _, result := range results {
		rows += len(result.Rows)
	}
	found["results"] = rows
	return found
}

func batch(background context.Context, p play, connection *pgx.Conn) report {
	many := &pgx.Batch{}
	many.Queue(p.SQL["insert_with"], "batch-1")
	many.Queue(p.SQL["denied_with"], int64(1))
	many.Queue(p.SQL["insert_with"], "batch-2")
	sent := connection.SendBatch(background, many)
	_, first := sent.Exec()
	_, second := sent.Exec()
	_, third := sent.Exec()
	closed := sent.Close()
	err := errors.Join(first, second, third, closed)
	found := told(err)
	// Without a deadline of its own a batch is one pipeline with one Sync: what came before is undone, too.
	found["third"] = third != nil
	return found
}

func copies(background context.Context, p play, connection *pgx.Conn, one func(report) report) {
	rows := make([][]any, p.Copied)
	for number := range rows {
		rows[number] = []any{fmt.Sprintf("copy-%d", number), true}
	}
	into, err := connection.CopyFrom(
		background, pgx.Identifier{"feature_flags"}, []string{"key", "enabled"}, pgx.CopyFromRows(rows),
	)
	check(err)
	var out bytes.Buffer
	_, err = connection.PgConn().CopyTo(background, &out, p.SQL["copy_out"])
	check(err)
	_, err = connection.PgConn().CopyTo(background, &bytes.Buffer{}, p.SQL["copy_denied"])
	found := told(err)
	lines := strings.NewReader("text-1\tt\ntext-2\tf\n")
	_, err = connection.PgConn().CopyFrom(background, lines, p.SQL["copy_in"])
	check(err)
	found["into"], found["out"] = into, strings.Count(out.String(), "\n")
	note("COPY", one(found))
}

func tried(line []byte) {
	defer func() {
		if fault := recover(); fault != nil {
			say(report{"fault": fmt.Sprint(fault)})
		}
	}()
	var p play
	check(json.Unmarshal(line, &p))
	plays(p)
	say(report{"end": true})
}

func main() {
	input.Buffer(nil, 1<<20)
	for input.Scan() {
		tried(input.Bytes())
	}
}
