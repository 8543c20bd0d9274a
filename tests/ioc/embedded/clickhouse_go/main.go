// Asks a ClickHouse over HTTP as Grafana's official plugin does: the same client, opened with the same options, pinged first,
// every answer scanned into the types the client names.
//
//	clickhouse_go ADDRESS USER PASSWORD DATABASE COPIES < statements.json > answers.json
//
// Reads a JSON list of statements, runs COPIES of each at the same time over one pool, and prints a list of lists of answers.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Answer is what a panel would get: columns and rows, or the server's error.
type Answer struct {
	Columns [][2]string `json:"columns"` // name and type
	Rows    [][]any     `json:"rows"`
	Error   string      `json:"error"`
}

// open does what the plugin's Connect does for protocol "http" without TLS.
func open(address, user, password, database string) (*sql.DB, error) {
	db := clickhouse.OpenDB(&clickhouse.Options{
		Addr:        []string{address},
		Auth:        clickhouse.Auth{Database: database, Username: user, Password: password},
		Compression: &clickhouse.Compression{Method: clickhouse.CompressionGZIP},
		DialTimeout: 10 * time.Second,
		HttpHeaders: map[string]string{},
		Protocol:    clickhouse.HTTP,
		ReadTimeout: 60 * time.Second,
		Settings:    clickhouse.Settings{},
	})
	db.SetConnMaxLifetime(5 * time.Minute)
	db.SetMaxIdleConns(25)
	db.SetMaxOpenConns(50)
	return db, db.Ping()
}

func ask(db *sql.DB, statement string) (answer Answer) {
	answer.Columns, answer.Rows = [][2]string{}, [][]any{}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second) // the plugin's queryTimeout
	defer cancel()
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return failed(err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return failed(err)
	}
	for _, column := range types {
		answer.Columns = append(answer.Columns, [2]string{column.Name(), column.DatabaseTypeName()})
	}
	for rows.Next() {
		row := make([]any, len(types))
		for i, column := range types {
			row[i] = reflect.New(column.ScanType()).Interface()
		}
		if err := rows.Scan(row...); err != nil {
			return failed(err)
		}
		for i := range row {
			row[i] = plain(reflect.ValueOf(row[i]))
		}
		answer.Rows = append(answer.Rows, row)
	}
	if err := rows.Err(); err != nil {
		return failed(err)
	}
	return answer
}

func failed(err error) Answer {
	return Answer{Columns: [][2]string{}, Rows: [][]any{}, Error: err.Error()}
}

// plain makes a value JSON can carry without loss: times with their offset, all numbers and other scalars as text.
func plain(value reflect.Value) any {
	switch value.Kind() {
	case reflect.Pointer, reflect.Interface:
		if value.IsNil() {
			return nil
		}
		return plain(value.Elem())
	case reflect.Slice:
		list := []any{}
		for i := range value.Len() {
			list = append(list, plain(value.Index(i)))
		}
		return list
	case reflect.Map:
		found := map[string]any{}
		for _, key := range value.MapKeys() {
			found[fmt.Sprint(key.Interface())] = plain(value.MapIndex(key))
		}
		return found
	case reflect.Float32, reflect.Float64:
		if math.Trunc(value.Float()) == value.Float() {
			return strconv.FormatFloat(value.Float(), 'f', 1, 64)
		}
		return strconv.FormatFloat(value.Float(), 'g', -1, 64)
	}
	if at, is := value.Interface().(time.Time); is {
		return at.Format("2006-01-02T15:04:05.000000-07:00")
	}
	return fmt.Sprint(value.Interface())
}

func main() {
	copies, err := strconv.Atoi(os.Args[5])
	if err != nil {
		panic(err)
	}
	var statements []string
	if err := json.NewDecoder(os.Stdin).Decode(&statements); err != nil {
		panic(err)
	}
	db, err := open(os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	if err != nil {
		fmt.Fprintln(os.Stderr, "ping:", err)
		os.Exit(1)
	}
	answers := make([][]Answer, len(statements))
	var all sync.WaitGroup
	for i, statement := range statements {
		answers[i] = make([]Answer, copies)
		for j := range copies {
			all.Go(func() { answers[i][j] = ask(db, statement) })
		}
	}
	all.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}
