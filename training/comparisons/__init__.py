"""The papers' other methods, one file each: rivals of KAG-MTLN as a `Method`, rivals of HMS as a loss."""
