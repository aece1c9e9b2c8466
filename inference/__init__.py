"""All that an examination needs: intake, preprocessing, networks, verdicts and heatmaps."""
