package io.vela.proxy.park;

import io.vela.proxy.wire.DataRow;
import io.vela.proxy.wire.RowShape;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What came for one segment of a {@link Batch}, up to its ReadyForQuery. */
final class Reply {
  private final List<List<DataRow>> results = new ArrayList<>();
  private List<DataRow> rows = new ArrayList<>();
  private String lastTag = "";
  private Optional<RowShape> shape = Optional.empty();
  private Optional<BackendError> error = Optional.empty();
  private byte status;

  void row(DataRow row) {
    rows.add(row);
  }

  void completed(String tag) {
    results.add(rows);
    rows = new ArrayList<>();
    lastTag = tag;
  }

  void shape(RowShape described) {
    shape = Optional.of(described);
  }

  void error(BackendError reported) {
    error = Optional.of(reported);
  }

  void ready(byte transactionStatus) {
    status = transactionStatus;
  }

  /** The rows of a statement, the first having the index 0. */
  List<DataRow> rows(int statement) {
    return results.get(statement);
  }

  /** How many statements completed. */
  int completed() {
    return results.size();
  }

  /** The command tag of the last statement that completed. */
  String lastTag() {
    return lastTag;
  }

  /** What was described. */
  Optional<RowShape> shape() {
    return shape;
  }

  Optional<BackendError> error() {
    return error;
  }

  /** {@code I} idle, {@code T} in a transaction, {@code E} in a failed one. */
  byte status() {
    return status;
  }
}
