"""The report page: one HTML file with its pictures, styles and script inside."""
