public enum FileSystemPlaceholder {}
