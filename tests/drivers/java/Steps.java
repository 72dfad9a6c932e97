import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.StringReader;
import java.io.StringWriter;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import org.postgresql.PGConnection;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/**
 * pgjdbc through the steps of tests/drivers/vocabulary.py, in each of its query modes.
 * How it is asked and how it answers is told in tests/drivers/clients/built.py.
 */
public final class Steps {
    private static final BufferedReader INPUT = new BufferedReader(new InputStreamReader(System.in));

    private final Map<String, Object> play;
    private final Map<String, Object> sql;

    private Steps(Map<String, Object> play) {
        this.play = play;
        this.sql = Json.object(play.get("sql"));
    }

    public static void main(String[] arguments) throws Exception {
        for (String line; (line = INPUT.readLine()) != null;) {
            try {
                new Steps(Json.object(Json.read(line))).all();
                say(Map.of("end", true));
            } catch (Exception fault) {
                StringWriter trace = new StringWriter();
                fault.printStackTrace(new java.io.PrintWriter(trace));
                say(Map.of("fault", trace.toString()));
            }
        }
    }

    private static void say(Map<String, ?> document) {
        System.out.println(Json.write(document));
        System.out.flush();
    }

    private static void note(String step, Map<String, Object> report) {
        report.put("step", step);
        say(report);
    }

    private static void ask(String what) throws Exception {
        say(Map.of("ask", what));
        INPUT.readLine();
    }

    private String text(String name) {
        return (String) sql.get(name);
    }

    private String withMarks(String name) {
        return text(name).replace("$1", "?");
    }

    private interface Work {
        void run() throws SQLException;
    }

    private static Map<String, Object> failing(Work work) {
        Map<String, Object> found = new LinkedHashMap<>();
        try {
            work.run();
        } catch (SQLException error) {
            SQLException first = error instanceof BatchUpdateException && error.getNextException() != null
                    ? error.getNextException() : error;
            ServerErrorMessage told =
                    first instanceof PSQLException ? ((PSQLException) first).getServerErrorMessage() : null;
            found.put("sqlstate", first.getSQLState());
            found.put("message", told != null ? told.getMessage() : first.getMessage());
            found.put("detail", told != null ? told.getDetail() : null);
            found.put("hint", told != null ? told.getHint() : null);
            if (error instanceof BatchUpdateException) {
                List<Object> counts = new ArrayList<>();
                for (int count : ((BatchUpdateException) error).getUpdateCounts()) {
                    counts.add(count);
                }
                found.put("counts", counts);
            }
        }
        return found;
    }

    private Connection connect() throws SQLException {
        Map<String, Object> target = Json.object(play.get("target"));
        Properties properties = new Properties();
        properties.setProperty("user", (String) target.get("user"));
        properties.setProperty("password", (String) target.get("password"));
        properties.setProperty("preferQueryMode", (String) play.get("mode"));
        properties.setProperty("prepareThreshold", "2");
        if (target.get("ca") != null) {
            properties.setProperty("sslmode", "verify-full");
            properties.setProperty("sslrootcert", (String) target.get("ca"));
        } else {
            properties.setProperty("sslmode", "disable");
        }
        String url = "jdbc:postgresql://" + target.get("host") + ":" + ((Number) target.get("port")).intValue() + "/"
                + target.get("database");
        return DriverManager.getConnection(url, properties);
    }

    private static Object then(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELECT 1")) {
            rows.next();
            return rows.getInt(1);
        }
    }

    private static void run(Connection connection, String text) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(text);
        }
    }

    private static List<Object> rows(PreparedStatement statement, long number) throws SQLException {
        statement.setLong(1, number);
        List<Object> found = new ArrayList<>();
        try (ResultSet rows = statement.executeQuery()) {
            while (rows.next()) {
                found.add(List.of(rows.getLong(1), rows.getString(2)));
            }
        }
        return found;
    }

    private void denied(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(withMarks("denied_with"))) {
            statement.setLong(1, 1);
            statement.executeQuery();
        }
    }

    private void insert(Connection connection, String key) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(withMarks("insert_with"))) {
            statement.setString(1, key);
            statement.executeUpdate();
        }
    }

    private void all() throws Exception {
        Connection connection = connect();
        note("TLS", new LinkedHashMap<>(Map.of("on", Json.object(play.get("target")).get("ca") != null)));
        try (PreparedStatement statement = connection.prepareStatement(withMarks("allowed"))) {
            note("allowed", new LinkedHashMap<>(Map.of("rows", rows(statement, 3))));
        }
        Map<String, Object> found = failing(() -> run(connection, text("denied")));
        found.put("then", then(connection));
        note("denied, simple", found);

        List<Object> prepared = new ArrayList<>();
        try (PreparedStatement statement = connection.prepareStatement(withMarks("allowed"))) {
            for (long number : new long[] {1, 2, 2, 2}) {
                prepared.add(rows(statement, number));
            }
        }
        found = failing(() -> denied(connection));
        found.put("again", failing(() -> denied(connection)).get("sqlstate"));
        found.put("rows", prepared);
        found.put("then", then(connection));
        note("denied, prepared", found);
        batch(connection);
        transaction(connection);
        cancel(connection);
        copy(connection);
        big(connection);
        note("metadata", metadata(connection));
        ask("kill");
        boolean lost = !failing(() -> then(connection)).isEmpty();
        failing(connection::close);
        try (Connection again = connect()) {
            note("reconnect", new LinkedHashMap<>(Map.of("lost", lost, "then", then(again))));
        }
    }

    private void batch(Connection connection) throws SQLException {
        Map<String, Object> found = failing(() -> {
            try (Statement statement = connection.createStatement()) {
                statement.addBatch(text("insert").replace("%s", "batch-1"));
                statement.addBatch(text("denied"));
                statement.addBatch(text("insert").replace("%s", "batch-2"));
                statement.executeBatch();
            }
        });
        found.put("text", failing(() -> run(connection, text("insert").replace("%s", "text-1") + ";" + text("denied")
                + ";" + text("insert").replace("%s", "text-2"))).get("sqlstate"));
        found.put("many", failing(() -> {
            try (PreparedStatement statement = connection.prepareStatement(withMarks("insert_with"))) {
                for (String key : new String[] {"many-1", "many-2", "many-1"}) {  // the third violates the key
                    statement.setString(1, key);
                    statement.addBatch();
                }
                statement.executeBatch();
            }
        }).get("sqlstate"));
        found.put("then", then(connection));
        note("denied in a batch", found);
    }

    private void transaction(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        insert(connection, "transaction-1");
        java.sql.Savepoint savepoint = connection.setSavepoint("here");
        Object inner = failing(() -> denied(connection)).get("sqlstate");
        connection.rollback(savepoint);
        insert(connection, "transaction-2");
        Map<String, Object> found = failing(() -> denied(connection));
        found.put("inner", inner);
        found.put("aborted", failing(() -> then(connection)).get("sqlstate"));
        found.put("end", failing(connection::commit).get("sqlstate"));
        connection.rollback();
        connection.setAutoCommit(true);
        found.put("then", then(connection));
        note("denied in a transaction", found);
    }

    private void cancel(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            CompletableFuture<Map<String, Object>> failed =
                    CompletableFuture.supplyAsync(() -> failing(() -> statement.executeQuery(text("long"))));
            ask("running");
            statement.cancel();
            Map<String, Object> found = failed.get();
            found.put("then", then(connection));
            note("cancel", found);
        }
    }

    private void copy(Connection connection) throws Exception {
        int count = ((Number) play.get("copied")).intValue();
        StringBuilder lines = new StringBuilder();
        for (int number = 0; number < count; number++) {
            lines.append("copy-").append(number).append("\tt\n");
        }
        org.postgresql.copy.CopyManager manager = connection.unwrap(PGConnection.class).getCopyAPI();
        long into = manager.copyIn(text("copy_in"), new StringReader(lines.toString()));
        StringWriter out = new StringWriter();
        manager.copyOut(text("copy_out"), out);
        Map<String, Object> found = failing(() -> manager.copyOut(text("copy_denied")).cancelCopy());
        found.put("into", into);
        found.put("out", out.toString().lines().count());
        found.put("then", then(connection));
        note("COPY", found);
    }

    private void big(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        long count = 0;
        long sum = 0;
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(1000);
            try (ResultSet rows = statement.executeQuery(text("big"))) {
                for (; rows.next(); count++) {
                    sum += rows.getInt(1);
                }
            }
        }
        connection.commit();
        connection.setAutoCommit(true);
        note("big result", new LinkedHashMap<>(Map.of("rows", count, "sum", sum)));
    }

    private static List<Object> shown(ResultSet rows, String... columns) throws SQLException {
        List<Object> found = new ArrayList<>();
        try (rows) {
            while (rows.next()) {
                List<Object> row = new ArrayList<>();
                for (String column : columns) {
                    row.add(rows.getString(column));
                }
                found.add(row);
            }
        }
        return found;
    }

    private Map<String, Object> metadata(Connection connection) throws Exception {
        DatabaseMetaData about = connection.getMetaData();
        Map<String, Object> found = new LinkedHashMap<>();
        found.put("version", about.getDatabaseProductVersion());
        found.put("schemas", shown(about.getSchemas(), "TABLE_SCHEM"));
        found.put("catalogs", shown(about.getCatalogs(), "TABLE_CAT"));
        found.put("tables", shown(about.getTables(null, "public", "%", null), "TABLE_NAME", "TABLE_TYPE"));
        found.put("columns", shown(about.getColumns(null, "public", "%", "%"), "TABLE_NAME", "COLUMN_NAME", "TYPE_NAME",
                "COLUMN_SIZE", "IS_NULLABLE", "IS_AUTOINCREMENT"));
        List<Object> keys = new ArrayList<>();
        for (Object name : (List<?>) play.get("tables")) {
            String table = (String) name;
            keys.add(shown(about.getPrimaryKeys(null, "public", table), "COLUMN_NAME", "PK_NAME"));
            keys.add(shown(about.getImportedKeys(null, "public", table), "PKTABLE_NAME", "FKCOLUMN_NAME", "FK_NAME"));
            keys.add(shown(about.getExportedKeys(null, "public", table), "FKTABLE_NAME", "FK_NAME"));
            keys.add(shown(about.getIndexInfo(null, "public", table, false, true), "INDEX_NAME", "COLUMN_NAME"));
            keys.add(shown(about.getBestRowIdentifier(null, "public", table, 2, true), "COLUMN_NAME"));
        }
        found.put("keys", keys);
        found.put("types", shown(about.getTypeInfo(), "TYPE_NAME").size());
        found.put("functions", shown(about.getFunctions(null, "public", "%"), "FUNCTION_NAME"));
        found.put("privileges", shown(about.getTablePrivileges(null, "public", "stickers"), "GRANTEE", "PRIVILEGE"));
        found.put("limits", List.of(about.getMaxColumnNameLength(), about.getSQLKeywords().length() > 0));
        List<Object> asked = new ArrayList<>();
        for (Object one : (List<?>) play.get("dbeaver")) {
            asked.add(browsed(connection, (String) one));
        }
        found.put("dbeaver", asked);
        return found;
    }

    /** One of the statements that DBeaver asks the catalogs by: how many rows it shows, or why none. */
    private static Object browsed(Connection connection, String text) throws SQLException {
        int[] count = new int[1];
        Map<String, Object> failed = failing(() -> {
            try (Statement statement = connection.createStatement()) {
                if (statement.execute(text)) {
                    for (ResultSet rows = statement.getResultSet(); rows.next();) {
                        count[0]++;
                    }
                }
            }
        });
        return failed.isEmpty() ? count[0] : failed.get("sqlstate") + " " + text;
    }
}
