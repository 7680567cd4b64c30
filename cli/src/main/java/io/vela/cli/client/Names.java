package io.vela.cli.client;

import io.vela.config.value.BaselineName;
import io.vela.config.value.BranchName;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Names on the command line; a wrong one is wrong usage. */
public final class Names {
  private Names() {}

  /** Reads a branch's name. */
  public static final class Branch implements ITypeConverter<BranchName> {
    @Override
    public BranchName convert(String text) {
      try {
        return new BranchName(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  /** Reads a baseline's name. */
  public static final class Baseline implements ITypeConverter<BaselineName> {
    @Override
    public BaselineName convert(String text) {
      try {
        return new BaselineName(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}
