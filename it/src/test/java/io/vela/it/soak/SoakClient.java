package io.vela.it.soak;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * One application: inserts numbered rows, asks for what it has inserted and for its settings, and
 * thinks between. Killed, it comes again. An error that no kill explains is kept.
 *
 * <p>Its work is done by one thread; only {@link #kill} may come from others.
 */
final class SoakClient implements Runnable {
  /** Connects. */
  interface Door {
    Connection open() throws SQLException;
  }

  /** Most pauses are short; some are so long that the branch may sleep. */
  private static final int LONG_PAUSE_IN = 6;

  private final int number;
  private final String branch;
  private final Door door;
  private final AtomicBoolean over;
  private final Random random;

  private final Set<Integer> acknowledged = new HashSet<>();
  private final Set<Integer> uncertain = new HashSet<>();
  private final List<Throwable> errors = new ArrayList<>();
  private int last;
  private int kills;

  private volatile boolean killed;
  private volatile Optional<Connection> open = Optional.empty();

  SoakClient(int number, String branch, Door door, AtomicBoolean over, long seed) {
    this.number = number;
    this.branch = branch;
    this.door = door;
    this.over = over;
    this.random = new Random(seed);
  }

  @Override
  public void run() {
    try {
      while (!over.get() && errors.isEmpty()) {
        session();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** From connecting until the end or a kill. */
  private void session() throws InterruptedException {
    killed = false;
    try {
      try (var connection = door.open()) {
        open = Optional.of(connection);
        begin(connection);
        while (!over.get()) {
          act(connection);
          think();
        }
      }
    } catch (SQLException | AssertionError e) {
      if (killed) {
        kills++;
      } else {
        errors.add(new AssertionError("client " + number + " of " + branch, e));
      }
    } finally {
      open = Optional.empty();
    }
  }

  private void begin(Connection connection) throws SQLException {
    execute(connection, "SET application_name = 'client " + number + "'");
    execute(connection, "SET soak.client = '" + number + "'");
  }

  private void act(Connection connection) throws SQLException, InterruptedException {
    switch (random.nextInt(6)) {
      case 0, 1, 2 -> insert(connection);
      case 3 -> insertTwoInOneTransaction(connection);
      case 4 -> count(connection);
      default -> settings(connection);
    }
  }

  private void insert(Connection connection) throws SQLException {
    int row = ++last;
    uncertain.add(row);
    insert(connection, row);
    acknowledge(row);
  }

  private void insertTwoInOneTransaction(Connection connection)
      throws SQLException, InterruptedException {
    int first = ++last;
    int second = ++last;
    uncertain.addAll(List.of(first, second));
    connection.setAutoCommit(false);
    insert(connection, first);
    TimeUnit.MILLISECONDS.sleep(random.nextInt(200));
    insert(connection, second);
    connection.commit();
    connection.setAutoCommit(true);
    acknowledge(first);
    acknowledge(second);
  }

  private void acknowledge(int row) {
    uncertain.remove(row);
    acknowledged.add(row);
  }

  private void insert(Connection connection, int row) throws SQLException {
    try (var statement = connection.prepareStatement("INSERT INTO kept VALUES (?, ?)")) {
      statement.setInt(1, number);
      statement.setInt(2, row);
      if (statement.executeUpdate() != 1) {
        throw new AssertionError("not inserted");
      }
    }
  }

  private void count(Connection connection) throws SQLException {
    try (var statement =
        connection.prepareStatement("SELECT count(*) FROM kept WHERE client = ?")) {
      statement.setInt(1, number);
      try (var row = statement.executeQuery()) {
        row.next();
        int there = row.getInt(1);
        if (there < acknowledged.size() || there > acknowledged.size() + uncertain.size()) {
          throw new AssertionError(there + " rows instead of " + acknowledged.size());
        }
      }
    }
  }

  private void settings(Connection connection) throws SQLException {
    try (var statement = connection.createStatement();
        var row =
            statement.executeQuery(
                "SELECT current_setting('application_name'), current_setting('soak.client')")) {
      row.next();
      if (!row.getString(1).equals("client " + number)
          || !row.getString(2).equals(Integer.toString(number))) {
        throw new AssertionError("settings of " + row.getString(1) + ", " + row.getString(2));
      }
    }
  }

  private static void execute(Connection connection, String sql) throws SQLException {
    try (var statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private void think() throws InterruptedException {
    var longest =
        random.nextInt(LONG_PAUSE_IN) == 0 ? Duration.ofSeconds(15) : Duration.ofSeconds(3);
    long millis = random.nextLong(longest.toMillis());
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    while (!over.get() && !killed && System.nanoTime() < end) {
      TimeUnit.MILLISECONDS.sleep(100);
    }
  }

  /** Closes its socket as the end of its process would: nothing is said to the server. */
  void kill() throws SQLException {
    var victim = open;
    if (victim.isPresent()) {
      killed = true;
      victim.get().abort(Runnable::run);
    }
  }

  int number() {
    return number;
  }

  String branch() {
    return branch;
  }

  List<Throwable> errors() {
    return errors;
  }

  int kills() {
    return kills;
  }

  Set<Integer> acknowledged() {
    return acknowledged;
  }

  /** Sent, but killed before the answer. */
  Set<Integer> uncertain() {
    return uncertain;
  }
}
