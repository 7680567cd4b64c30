package io.vela.agent.isolation;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * An instance that an earlier Vela started and that still runs.
 *
 * @param run its files
 * @param root the process with which all of it ends
 */
public record RecordedInstance(RunFiles run, ProcessHandle root) {
  /** All that have a record in a folder of Vela's. */
  public static List<RecordedInstance> in(Path folder) throws IOException {
    var found = new ArrayList<RecordedInstance>();
    InstanceRecord.running(folder)
        .forEach(
            (run, record) ->
                ProcessHandle.of(record.pid())
                    .ifPresent(root -> found.add(new RecordedInstance(run, root))));
    return found;
  }

  /** Whether it still runs, collected by its parent or not. */
  public boolean isRunning() {
    return ProcessStatus.started(root.pid()).isPresent()
        && ProcessHandle.of(root.pid()).filter(root::equals).isPresent();
  }
}
