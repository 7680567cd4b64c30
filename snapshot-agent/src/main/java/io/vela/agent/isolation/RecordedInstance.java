package io.vela.agent.isolation;

import java.io.IOException;
import java.nio.file.Files;
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
  private static final String ENDING = ".instance";

  /** All that have a record in a folder of Vela's. */
  public static List<RecordedInstance> in(Path folder) throws IOException {
    var found = new ArrayList<RecordedInstance>();
    try (var records = Files.newDirectoryStream(folder, "*" + ENDING)) {
      for (var file : records) {
        var name = String.valueOf(file.getFileName());
        var run =
            new RunFiles(file.resolveSibling(name.substring(0, name.length() - ENDING.length())));
        InstanceRecord.read(file)
            .filter(InstanceRecord::isRunning)
            .flatMap(record -> ProcessHandle.of(record.pid()))
            .ifPresent(root -> found.add(new RecordedInstance(run, root)));
      }
    }
    return found;
  }

  /** Whether it still runs, collected by its parent or not. */
  public boolean isRunning() {
    return ProcessStatus.started(root.pid()).isPresent()
        && ProcessHandle.of(root.pid()).filter(root::equals).isPresent();
  }
}
