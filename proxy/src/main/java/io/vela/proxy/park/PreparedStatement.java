package io.vela.proxy.park;

import io.vela.proxy.wire.DataRow;
import io.vela.proxy.wire.RowShape;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/** A named prepared statement. Strings are bytes as ISO 8859-1. */
final class PreparedStatement {
  private static final int[] NO_TYPES = {};

  private final String name;
  private final String sql;
  private final int[] types;
  private final boolean bySql;
  private final Optional<RowShape> shape;
  private final boolean stale;

  private PreparedStatement(
      String name,
      String sql,
      int[] types,
      boolean bySql,
      Optional<RowShape> shape,
      boolean stale) {
    this.name = name;
    this.sql = sql;
    this.types = types;
    this.bySql = bySql;
    this.shape = shape;
    this.stale = stale;
  }

  /** From an answer to {@link Question#PREPARED_STATEMENTS}. */
  static PreparedStatement of(DataRow row) {
    return new PreparedStatement(
        row.text(0).intern(),
        row.text(1).intern(),
        oids(row.text(2)),
        row.text(3).equals("true"),
        Optional.empty(),
        false);
  }

  private static int[] oids(String texts) {
    if (texts.isEmpty()) {
      return NO_TYPES;
    }
    var split = texts.split(" ", -1);
    var oids = new int[split.length];
    for (int i = 0; i < oids.length; i++) {
      oids[i] = Integer.parseUnsignedInt(split[i]);
    }
    return oids;
  }

  /**
   * The same with what was found out later.
   *
   * @param described the shape of its result; empty when it could not be told
   * @param unusable whether it had become so because that changed
   */
  PreparedStatement with(Optional<RowShape> described, boolean unusable) {
    return new PreparedStatement(name, sql, types, bySql, described, unusable);
  }

  String name() {
    return name;
  }

  /** What was parsed; of one made by SQL the PREPARE itself. */
  String sql() {
    return sql;
  }

  /** Whether PREPARE made it. */
  boolean bySql() {
    return bySql;
  }

  /** Of its parameters. */
  int[] types() {
    return types.clone();
  }

  /** Whether it returns rows, if only none. */
  boolean returnsRows() {
    return !shape.equals(Optional.of(RowShape.NO_ROWS));
  }

  Optional<RowShape> shape() {
    return shape;
  }

  boolean stale() {
    return stale;
  }

  /** Prepares it again. */
  void addTo(Batch batch) {
    if (bySql) {
      batch.run(sql);
    } else {
      batch.prepare(name, sql, types);
    }
    batch.describe(name);
  }

  private List<Object> parts() {
    return List.of(name, sql, IntStream.of(types).boxed().toList(), bySql, shape, stale);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof PreparedStatement statement && statement.parts().equals(parts());
  }

  @Override
  public int hashCode() {
    return parts().hashCode();
  }
}
