package io.vela.agent.postgres;

import io.vela.agent.file.UntrustedFolder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/**
 * The part of {@code global/pg_control} that tells how the cluster was left (Postgres source,
 * {@code pg_control.h}, {@code ControlFileData}; the same in 14 to 18). Read here because the
 * embedded Postgres has no {@code pg_controldata}.
 *
 * @param state {@code DBState}
 */
record ControlFile(int state) {
  /** {@code PG_CONTROL_FILE_SIZE}. */
  private static final int MOST_BYTES = 8192;

  private static final int STATE_OFFSET = 16;
  private static final int SHUTDOWNED = 1;
  private static final int SHUTDOWNED_IN_RECOVERY = 2;

  /** Reads the file of a data directory. */
  static ControlFile read(Path data) throws IOException {
    var bytes = new UntrustedFolder(data).read("global/pg_control", MOST_BYTES);
    if (bytes.length < STATE_OFFSET + Integer.BYTES) {
      throw new IOException("global/pg_control is too short");
    }
    return new ControlFile(
        ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder()).getInt(STATE_OFFSET));
  }

  /** Whether it was stopped cleanly, so that it starts without recovery. */
  boolean isShutDown() {
    return state == SHUTDOWNED;
  }

  /** Whether a standby was stopped cleanly, so that its files are complete. */
  boolean isShutDownStandby() {
    return state == SHUTDOWNED_IN_RECOVERY;
  }
}
