package io.vela.agent.storage.driver;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/** The flags of a file or folder that {@code chattr} sets (ioctl_iflags(2)). */
record FileFlags(int bits) {
  /** {@code FS_IOC_GETFLAGS} of a 64-bit system, which in spite of its name fills in an int. */
  private static final long GET_FLAGS = 0x8008_6601L;

  /** {@code FS_NOCOW_FL}, which {@code chattr +C} sets and what is made in the folder inherits. */
  private static final int NO_COPY_ON_WRITE = 0x0080_0000;

  static FileFlags read(Path folder) throws IOException {
    try (var open = OpenFolder.open(folder)) {
      var flags = open.argument(Long.BYTES);
      open.ioctl(GET_FLAGS, flags, "the flags of " + folder + " could not be read");
      return new FileFlags(flags.get(ValueLayout.JAVA_INT, 0));
    }
  }

  boolean copiedOnWrite() {
    return (bits & NO_COPY_ON_WRITE) == 0;
  }
}
