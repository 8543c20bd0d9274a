"""Store: ClickHouse: its client, the tables and views, the form of the rows, and which runs there are."""
